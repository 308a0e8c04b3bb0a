//! JSON as Python's `json.loads` reads it, and values as Python's `str` writes them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write as _;

/// Python's `str.isspace`, which `re`'s `\s` and `str.strip` go by: Unicode's white space and four separators of ASCII.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum PythonValue {
    /// `null`.
    None,
    /// `true` or `false`.
    Bool(bool),
    /// A number without point or exponent: its digits, with a minus if there is one, without needless zeros.
    Integer(String),
    /// Any other number; `NaN`, `Infinity` and `-Infinity` are read too.
    Float(f64),
    /// A text. Half of a surrogate pair, which Python keeps, becomes U+FFFD.
    Text(String),
    /// An array.
    List(Vec<PythonValue>),
    /// An object, in the order of first appearance; of a key that is there twice the last value.
    Dictionary(Vec<(String, PythonValue)>),
}

/// A text that is no JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no JSON at byte {place}: {problem}")]
pub struct PythonJsonError {
    /// Byte, counted from 0.
    pub place: usize,
    /// What is wrong.
    pub problem: &'static str,
}

/// Arrays and objects within each other. Python gives up near 1000; no answer comes near.
const DEEPEST: usize = 500;

impl PythonValue {
    /// Reads a whole text.
    ///
    /// # Errors
    /// If it is not JSON as Python reads it, or nests deeper than 500 levels.
    pub fn parse(text: &str) -> Result<Self, PythonJsonError> {
        let mut parser = Parser { text, place: 0 };
        parser.skip_space();
        let value = parser.value(0)?;
        parser.skip_space();
        if parser.place < text.len() {
            return Err(parser.error("something follows the value"));
        }
        Ok(value)
    }

    /// The value of a key of an object.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Dictionary(entries) => {
                entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The elements of an array.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(elements) => Some(elements),
            _ => None,
        }
    }

    /// A text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A number as Python compares it: `true` is 1.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Bool(value) => Some(f64::from(u8::from(*value))),
            Self::Integer(digits) => digits.parse().ok(),
            Self::Float(value) => Some(*value),
            Self::None | Self::Text(_) | Self::List(_) | Self::Dictionary(_) => None,
        }
    }

    /// What Python's `str` gives: a text as it is, `True`, `None`, `1.0`, `['up', 1]`.
    ///
    /// Within arrays and objects texts are quoted as `repr` does; characters beyond ASCII are never escaped here.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            _ => {
                let mut output = String::new();
                self.write(&mut output);
                output
            }
        }
    }

    fn write(&self, output: &mut String) {
        match self {
            Self::None => output.push_str("None"),
            Self::Bool(true) => output.push_str("True"),
            Self::Bool(false) => output.push_str("False"),
            Self::Integer(digits) => output.push_str(digits),
            Self::Float(value) => output.push_str(&float_text(*value)),
            Self::Text(text) => write_quoted(text, output),
            Self::List(elements) => {
                output.push('[');
                for (index, element) in elements.iter().enumerate() {
                    output.push_str(if index > 0 { ", " } else { "" });
                    element.write(output);
                }
                output.push(']');
            }
            Self::Dictionary(entries) => {
                output.push('{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    output.push_str(if index > 0 { ", " } else { "" });
                    write_quoted(key, output);
                    output.push_str(": ");
                    value.write(output);
                }
                output.push('}');
            }
        }
    }
}

/// The shortest digits that give the number back, with an exponent below 1e-4 and from 1e16 on.
fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let Ok(exponent) = exponent.parse::<i32>() else { return scientific };
    if value != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.unsigned_abs());
    }
    let plain = format!("{value}");
    if plain.contains('.') { plain } else { plain + ".0" }
}

fn write_quoted(text: &str, output: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    output.push(quote);
    for character in text.chars() {
        match character {
            '\\' => output.push_str("\\\\"),
            '\n' => output.push_str("\\n"),
            '\r' => output.push_str("\\r"),
            '\t' => output.push_str("\\t"),
            _ if character == quote => {
                output.push('\\');
                output.push(quote);
            }
            '\0'..'\x20' | '\x7f' => {
                // Writing to a String cannot fail.
                let _ = write!(output, "\\x{:02x}", u32::from(character));
            }
            _ => output.push(character),
        }
    }
    output.push(quote);
}

struct Parser<'a> {
    text: &'a str,
    place: usize,
}

impl Parser<'_> {
    fn error(&self, problem: &'static str) -> PythonJsonError {
        PythonJsonError { place: self.place, problem }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.place).copied()
    }

    fn take(&mut self, expected: u8) -> bool {
        let found = self.peek() == Some(expected);
        self.place += usize::from(found);
        found
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.place += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<PythonValue, PythonJsonError> {
        if depth > DEEPEST {
            return Err(self.error("arrays and objects are nested too deep"));
        }
        match self.peek() {
            Some(b'"') => Ok(PythonValue::Text(self.string()?)),
            Some(b'[') => self.list(depth),
            Some(b'{') => self.dictionary(depth),
            Some(_) => self.word().map_or_else(|| self.number(), Ok),
            None => Err(self.error("the text ends where a value is expected")),
        }
    }

    fn word(&mut self) -> Option<PythonValue> {
        let words = [
            ("null", PythonValue::None),
            ("true", PythonValue::Bool(true)),
            ("false", PythonValue::Bool(false)),
            ("NaN", PythonValue::Float(f64::NAN)),
            ("Infinity", PythonValue::Float(f64::INFINITY)),
            ("-Infinity", PythonValue::Float(f64::NEG_INFINITY)),
        ];
        let rest = self.text.get(self.place..)?;
        let (word, value) = words.into_iter().find(|(word, _)| rest.starts_with(word))?;
        self.place += word.len();
        Some(value)
    }

    fn number(&mut self) -> Result<PythonValue, PythonJsonError> {
        let start = self.place;
        self.take(b'-');
        let whole = self.digits();
        if whole == 0 {
            self.place = start;
            return Err(self.error("no value is written like this"));
        }
        // A zero ends the number: what follows it is an error of the caller's.
        if whole > 1 && self.text.as_bytes().get(self.place - whole) == Some(&b'0') {
            self.place -= whole - 1;
        }
        let mut is_float = false;
        let end = self.place;
        if self.take(b'.') {
            if self.digits() > 0 {
                is_float = true;
            } else {
                self.place = end;
            }
        }
        let end = self.place;
        if self.take(b'e') || self.take(b'E') {
            let _signed = self.take(b'+') || self.take(b'-');
            if self.digits() > 0 {
                is_float = true;
            } else {
                self.place = end;
            }
        }
        let digits = &self.text[start..self.place];
        if !is_float {
            let digits = if digits == "-0" { "0" } else { digits };
            return Ok(PythonValue::Integer(digits.to_owned()));
        }
        let value = digits.parse().map_err(|_| self.error("no number is written like this"))?;
        Ok(PythonValue::Float(value))
    }

    /// Passes over digits and counts them.
    fn digits(&mut self) -> usize {
        let start = self.place;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.place += 1;
        }
        self.place - start
    }

    fn list(&mut self, depth: usize) -> Result<PythonValue, PythonJsonError> {
        self.place += 1;
        let mut elements = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Ok(PythonValue::List(elements));
        }
        loop {
            self.skip_space();
            elements.push(self.value(depth + 1)?);
            self.skip_space();
            if self.take(b']') {
                return Ok(PythonValue::List(elements));
            }
            if !self.take(b',') {
                return Err(self.error("`,` or `]` is expected"));
            }
        }
    }

    fn dictionary(&mut self, depth: usize) -> Result<PythonValue, PythonJsonError> {
        self.place += 1;
        let mut entries: Vec<(String, PythonValue)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        self.skip_space();
        if self.take(b'}') {
            return Ok(PythonValue::Dictionary(entries));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.error("a key in double quotes is expected"));
            }
            let key = self.string()?;
            self.skip_space();
            if !self.take(b':') {
                return Err(self.error("`:` is expected"));
            }
            self.skip_space();
            let value = self.value(depth + 1)?;
            match places.entry(key) {
                Entry::Occupied(place) => entries[*place.get()].1 = value,
                Entry::Vacant(place) => {
                    entries.push((place.key().clone(), value));
                    place.insert(entries.len() - 1);
                }
            }
            self.skip_space();
            if self.take(b'}') {
                return Ok(PythonValue::Dictionary(entries));
            }
            if !self.take(b',') {
                return Err(self.error("`,` or `}` is expected"));
            }
        }
    }

    fn string(&mut self) -> Result<String, PythonJsonError> {
        self.place += 1;
        let mut output = String::new();
        loop {
            let rest = self.text.get(self.place..).unwrap_or_default();
            let Some(character) = rest.chars().next() else {
                return Err(self.error("a text does not end"));
            };
            match character {
                '"' => {
                    self.place += 1;
                    return Ok(output);
                }
                '\\' => {
                    self.place += 1;
                    output.push(self.escape()?);
                }
                '\0'..'\x20' => return Err(self.error("a control character stands in a text")),
                _ => {
                    self.place += character.len_utf8();
                    output.push(character);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, PythonJsonError> {
        let character = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\x08',
            Some(b'f') => '\x0c',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.place += 1;
                return self.unicode();
            }
            _ => return Err(self.error("no such escape")),
        };
        self.place += 1;
        Ok(character)
    }

    /// Four hexadecimal digits, or twice as many for a surrogate pair.
    fn unicode(&mut self) -> Result<char, PythonJsonError> {
        let first = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let start = self.place;
        if self.take(b'\\') && self.take(b'u') {
            let second = self.four_digits()?;
            if (0xdc00..0xe000).contains(&second) {
                let number = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        self.place = start;
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn four_digits(&mut self) -> Result<u32, PythonJsonError> {
        let digits = self.text.get(self.place..self.place + 4);
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let number = number.ok_or_else(|| self.error("four hexadecimal digits are expected"))?;
        self.place += 4;
        Ok(number)
    }
}

#[cfg(test)]
mod tests;
