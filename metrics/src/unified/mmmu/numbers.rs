//! Numbers in words of a reply, in the three notations that MMMU's official scorer looks for.

/// Where a number that begins at an index ends, if one does.
type Notation = fn(&[char], usize) -> Option<usize>;

/// All numbers of a text as they are written: first those with thousands set apart by commas, then those in scientific notation, then plain ones. A number can be found
/// in more than one notation.
///
/// Digits are 0 to 9.
#[must_use]
pub fn numbers_in(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let notations: [Notation; 3] = [end_with_commas, end_scientific, end_plain];
    notations.into_iter().flat_map(|notation| all(&characters, notation)).collect()
}

/// Matches from left to right that do not overlap; `end_at` says where one that begins at an index ends.
fn all(text: &[char], end_at: Notation) -> Vec<String> {
    let (mut found, mut start) = (Vec::new(), 0);
    while start < text.len() {
        match end_at(text, start) {
            Some(end) => {
                found.push(text[start..end].iter().collect());
                start = end;
            }
            None => start += 1,
        }
    }
    found
}

/// One to three digits, then groups of a comma and three digits: as many as leave a border of a word behind them, at least one. Before the digits is a border as well.
fn end_with_commas(text: &[char], start: usize) -> Option<usize> {
    let digits = after_sign(text, start);
    let is_border = digits == 0 || !is_word(text[digits - 1]);
    let lead = run_of_digits(text, digits);
    if !is_border || !(1..=3).contains(&lead) {
        return None;
    }
    let mut end = digits + lead;
    let mut last_border = None;
    while is_at(text, end, ',') && run_of_digits(text, end + 1) >= 3 {
        end += 4;
        if !text.get(end).copied().is_some_and(is_word) {
            last_border = Some(end);
        }
    }
    last_border
}

/// Digits, perhaps a point and digits, an exponent.
fn end_scientific(text: &[char], start: usize) -> Option<usize> {
    let digits = after_sign(text, start);
    let whole = run_of_digits(text, digits);
    if whole == 0 {
        return None;
    }
    let end = digits + whole;
    let fraction = fraction(text, end);
    exponent(text, end + fraction).map(|length| end + fraction + length)
}

/// Digits with a point before the last ones, or a point and digits, or digits before a border of a word; not before an exponent, a comma or a digit.
fn end_plain(text: &[char], start: usize) -> Option<usize> {
    let digits = after_sign(text, start);
    let whole = run_of_digits(text, digits);
    let end = digits + whole;
    let with_fraction = match fraction(text, end) {
        0 => None,
        length => Some(end + length),
    };
    let whole_alone = (whole > 0 && !text.get(end).copied().is_some_and(is_word)).then_some(end);
    let may_end = |&end: &usize| {
        let next_is_digit = run_of_digits(text, end) > 0;
        exponent(text, end).is_none() && !is_at(text, end, ',') && !next_is_digit
    };
    with_fraction.filter(may_end).or_else(|| whole_alone.filter(may_end))
}

/// Past a minus sign, if there is one.
fn after_sign(text: &[char], start: usize) -> usize {
    start + usize::from(is_at(text, start, '-'))
}

/// Length of a point and the digits after it; 0 if there is not both.
fn fraction(text: &[char], start: usize) -> usize {
    match run_of_digits(text, start + 1) {
        digits if digits > 0 && is_at(text, start, '.') => 1 + digits,
        _ => 0,
    }
}

/// Length of an exponent.
fn exponent(text: &[char], start: usize) -> Option<usize> {
    if !is_at(text, start, 'e') && !is_at(text, start, 'E') {
        return None;
    }
    let signed = is_at(text, start + 1, '+') || is_at(text, start + 1, '-');
    let before = 1 + usize::from(signed);
    match run_of_digits(text, start + before) {
        0 => None,
        digits => Some(before + digits),
    }
}

fn run_of_digits(text: &[char], start: usize) -> usize {
    text.get(start..).map_or(0, |rest| rest.iter().take_while(|c| c.is_ascii_digit()).count())
}

fn is_at(text: &[char], index: usize, character: char) -> bool {
    text.get(index) == Some(&character)
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The number that a text is when commas are dropped, as Python's `float` reads it: space around, a sign, underscores between digits, `inf` and `nan` are allowed.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = text.replace(',', "");
    let text = text.trim();
    let bytes = text.as_bytes();
    let is_digit = |index: Option<usize>| {
        index.and_then(|index| bytes.get(index)).is_some_and(u8::is_ascii_digit)
    };
    let between_digits =
        |(index, _): (usize, &str)| is_digit(index.checked_sub(1)) && is_digit(Some(index + 1));
    if !text.match_indices('_').all(between_digits) {
        return None;
    }
    text.replace('_', "").parse().ok()
}

/// Rounded to two decimals, the exact value deciding and ties going to the even digit.
pub(super) fn rounded(number: f64) -> f64 {
    if !number.is_finite() {
        return number;
    }
    format!("{number:.2}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values from Python's `re.findall` with the released patterns.
    #[test]
    fn numbers_are_found_in_three_notations() {
        for (text, expected) in [
            ("1,234 apples", vec!["1,234", "234"]),
            ("12.5e3", vec!["12.5e3", "12", "3"]),
            ("x = -3.5, y = .25", vec!["-3", ".25"]),
            ("1,2345", vec!["2345"]),
            ("1,234,56", vec!["1,234", "56"]),
            ("2e-5 and 7", vec!["2e-5", "-5", "7"]),
            ("about 10m", vec![]),
            ("5.", vec!["5"]),
            ("a1 b_2", vec!["1", "2"]),
            ("-", vec![]),
        ] {
            assert_eq!(numbers_in(text), expected, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_as_python_reads_them() {
        for (text, expected) in [
            (" 1,234.5 ", Some(1234.5)),
            ("1_000", Some(1000.0)),
            ("_1", None),
            ("1__0", None),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("", None),
            (".", None),
            ("1/2", None),
            ("Infinity", Some(f64::INFINITY)),
            ("1e3", Some(1000.0)),
            ("0x10", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
        assert!(number("nan").unwrap().is_nan());
    }

    #[test]
    fn ties_go_to_the_even_digit() {
        // Python: round(0.125, 2), round(0.375, 2), round(2.675, 2), round(-1.005, 2).
        assert_eq!([0.125, 0.375, 2.675, -1.005].map(rounded), [0.12, 0.38, 2.67, -1.0]);
        assert_eq!(rounded(f64::INFINITY), f64::INFINITY);
    }
}
