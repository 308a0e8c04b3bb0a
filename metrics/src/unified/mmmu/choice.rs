//! What a reply to a question of multiple choice chooses.

/// The letter that a reply chooses among `options`, the texts of A, B, C …
///
/// Space around is dropped. Without options the reply stays as it is. One character is kept, whatever it is; an empty reply becomes B (the second option); a reply that
/// begins with an option's letter is that letter; else it is the first option whose text, space around dropped, occurs in it; else A. So `I think B` is A unless an
/// option's text is in it (rule of `evaluate_mmmu.py`, zhengdian1/AIA at 88aef6b).
///
/// # Errors
/// What is wrong, if there is one option, or more than 13.
pub fn choice(reply: &str, options: &[String]) -> Result<String, String> {
    const LETTERS: [char; 13] = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M'];
    let reply = reply.trim();
    if options.is_empty() {
        return Ok(reply.to_owned());
    }
    if options.len() == 1 || options.len() > LETTERS.len() {
        return Err(format!(
            "{} options; a choice is between 2 and {}",
            options.len(),
            LETTERS.len()
        ));
    }
    let letters = &LETTERS[..options.len()];
    let mut characters = reply.chars();
    let letter = match (characters.next(), characters.next()) {
        (None, _) => letters[1],
        (Some(only), None) => only,
        (Some(first), Some(_)) if letters.contains(&first) => first,
        _ => {
            let occurs = options.iter().position(|option| reply.contains(option.trim()));
            letters[occurs.unwrap_or(0)]
        }
    };
    Ok(letter.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_as_released() {
        let options = ["$6", " $7 ", "8", "9"].map(str::to_owned);
        for (reply, chosen) in [
            ("C", "C"),
            ("x", "x"),
            ("", "B"),
            (" \n", "B"),
            ("D. 9", "D"),
            ("E. none", "A"),
            ("It is $7", "B"),
            ("9 or 8", "C"),
            ("I think D", "A"),
            ("Answer: B", "A"),
        ] {
            assert_eq!(choice(reply, &options).unwrap(), chosen, "{reply:?}");
        }
        assert_eq!(choice(" 42 ", &[]).unwrap(), "42");
        assert!(choice("A", &options[..1]).is_err());
        assert!(choice("A", &vec![String::new(); 14]).is_err());
    }
}
