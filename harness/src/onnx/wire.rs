//! The protobuf wire format: the fields of a message without a schema, borrowed from the file's bytes.
//!
//! ONNX's generated types are not needed to move a few names around, and a reader that copies nothing keeps a model of
//! hundreds of megabytes in memory once. Source: the "Encoding" page of the Protocol Buffers documentation.

/// A message, and where it starts in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    offset: usize,
}

/// One field of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    /// Number in the schema.
    pub(super) number: u32,
    /// Value by wire type.
    pub(super) value: Value<'a>,
    /// Tag and value exactly as they stand in the file.
    pub(super) raw: &'a [u8],
}

/// The value of a field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    /// An integer, boolean or enumeration.
    Integer(u64),
    /// A fixed-width number; nothing here reads one.
    Fixed,
    /// A message, a text, bytes or packed numbers.
    Bytes(Message<'a>),
}

/// Bytes that are no protobuf message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: {problem}")]
pub struct MalformedMessage {
    /// Position in the file.
    pub offset: usize,
    /// What is wrong there.
    pub problem: &'static str,
}

impl<'a> Message<'a> {
    /// A whole file.
    pub(super) fn of_file(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// The content.
    pub(super) fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The content as text.
    pub(super) fn text(self) -> Result<&'a str, MalformedMessage> {
        std::str::from_utf8(self.bytes).map_err(|_| self.malformed("a name is not UTF-8"))
    }

    /// The error of a message whose content is refused.
    pub(super) fn malformed(self, problem: &'static str) -> MalformedMessage {
        MalformedMessage { offset: self.offset, problem }
    }

    /// The fields in file order; ends after the first error.
    pub(super) fn fields(self) -> Fields<'a> {
        Fields { rest: self }
    }
}

impl<'a> Field<'a> {
    /// The field's content, if it is of a kind that has one.
    pub(super) fn message(&self) -> Option<Message<'a>> {
        match self.value {
            Value::Bytes(message) => Some(message),
            Value::Integer(_) | Value::Fixed => None,
        }
    }
}

/// Iterator over a message's fields.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    rest: Message<'a>,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, MalformedMessage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.bytes.is_empty() {
            return None;
        }
        let field = self.read_field();
        if field.is_err() {
            self.rest.bytes = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn read_field(&mut self) -> Result<Field<'a>, MalformedMessage> {
        let start = self.rest.bytes;
        let tag = self.read_integer()?;
        let number =
            u32::try_from(tag >> 3).map_err(|_| self.malformed("a field number is too large"))?;
        if number == 0 {
            return Err(self.malformed("a field has the number 0"));
        }
        let value = match tag & 7 {
            0 => Value::Integer(self.read_integer()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = self.read_integer()?;
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            _ => return Err(self.malformed("a field has a wire type that ONNX does not use")),
        };
        let length = start.len() - self.rest.bytes.len();
        Ok(Field { number, value, raw: start.get(..length).unwrap_or_default() })
    }

    /// Reads a base-128 integer of at most 64 bits.
    fn read_integer(&mut self) -> Result<u64, MalformedMessage> {
        let mut integer = 0_u64;
        for shift in (0..64).step_by(7) {
            let Some((&byte, rest)) = self.rest.bytes.split_first() else {
                return Err(self.malformed("an integer is cut off"));
            };
            self.rest = Message { bytes: rest, offset: self.rest.offset + 1 };
            integer |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(integer);
            }
        }
        Err(self.malformed("an integer is longer than ten bytes"))
    }

    fn take(&mut self, length: usize) -> Result<Message<'a>, MalformedMessage> {
        let Some((taken, rest)) = self.rest.bytes.split_at_checked(length) else {
            return Err(self.malformed("a field is longer than the message it is in"));
        };
        let taken = Message { bytes: taken, offset: self.rest.offset };
        self.rest = Message { bytes: rest, offset: self.rest.offset + length };
        Ok(taken)
    }

    fn malformed(&self, problem: &'static str) -> MalformedMessage {
        self.rest.malformed(problem)
    }
}

/// Appends a length-delimited field.
pub(super) fn write_bytes(output: &mut Vec<u8>, number: u32, content: &[u8]) {
    write_integer(output, u64::from(number) << 3 | 2);
    write_integer(output, content.len() as u64);
    output.extend_from_slice(content);
}

/// Appends an integer field.
pub(super) fn write_number(output: &mut Vec<u8>, number: u32, value: u64) {
    write_integer(output, u64::from(number) << 3);
    write_integer(output, value);
}

fn write_integer(output: &mut Vec<u8>, mut integer: u64) {
    while integer > 0x7f {
        output.push((integer & 0x7f) as u8 | 0x80);
        integer >>= 7;
    }
    output.push(integer as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn problem_of(bytes: &[u8]) -> &'static str {
        let error = Message::of_file(bytes).fields().find_map(Result::err);
        error.expect("an error").problem
    }

    // The examples of the "Encoding" page.
    #[test]
    fn known_messages() {
        let fields: Vec<_> = Message::of_file(b"\x08\x96\x01\x12\x07testing")
            .fields()
            .collect::<Result<_, _>>()
            .unwrap();
        assert!(matches!(fields[0], Field { number: 1, value: Value::Integer(150), .. }));
        assert_eq!(fields[1].message().unwrap().text().unwrap(), "testing");
        assert_eq!((fields[0].raw, fields[1].raw), (&b"\x08\x96\x01"[..], &b"\x12\x07testing"[..]));
    }

    #[test]
    fn every_kind_of_damage_is_named() {
        assert_eq!(problem_of(b"\x08"), "an integer is cut off");
        assert_eq!(problem_of(b"\x08\xff\xff"), "an integer is cut off");
        assert_eq!(problem_of(&[0xff; 11]), "an integer is longer than ten bytes");
        assert_eq!(problem_of(b"\x12\x05abc"), "a field is longer than the message it is in");
        let huge = b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        assert_eq!(problem_of(huge), "a field is longer than the message it is in");
        assert_eq!(problem_of(b"\x0d\x01"), "a field is longer than the message it is in");
        assert_eq!(problem_of(b"\x0b"), "a field has a wire type that ONNX does not use");
        assert_eq!(problem_of(b"\x00\x01"), "a field has the number 0");
    }

    #[test]
    fn nested_offsets_count_from_the_start_of_the_file() {
        let mut file = Vec::new();
        write_bytes(&mut file, 1, b"ab");
        write_bytes(&mut file, 7, b"\x08");
        let outer = Message::of_file(&file).fields().last().unwrap().unwrap();
        let error = outer.message().unwrap().fields().next().unwrap().unwrap_err();
        assert_eq!(error.offset, file.len());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let mut read = 0;
            for field in Message::of_file(&bytes).fields() {
                match field {
                    Ok(field) => read += field.raw.len(),
                    Err(error) => prop_assert!(error.offset <= bytes.len()),
                }
            }
            prop_assert!(read <= bytes.len());
        }

        #[test]
        fn written_fields_are_read_back(number in 1_u32..1 << 29, content: Vec<u8>) {
            let mut bytes = Vec::new();
            write_bytes(&mut bytes, number, &content);
            let fields: Vec<_> = Message::of_file(&bytes).fields().collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(fields.len(), 1);
            prop_assert_eq!(fields[0].number, number);
            prop_assert_eq!(fields[0].raw, bytes.as_slice());
            prop_assert_eq!(fields[0].message().unwrap().bytes(), content.as_slice());
        }

        #[test]
        fn written_integers_are_read_back(number in 1_u32..1 << 29, value: u64) {
            let mut bytes = Vec::new();
            write_number(&mut bytes, number, value);
            let fields: Vec<_> = Message::of_file(&bytes).fields().collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(fields.len(), 1);
            prop_assert_eq!(fields[0].number, number);
            prop_assert!(matches!(fields[0].value, Value::Integer(read) if read == value));
        }
    }
}
