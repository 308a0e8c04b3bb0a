use super::*;

#[test]
fn what_is_no_json_is_refused_with_its_place() {
    for (text, place) in [
        ("", 0),
        ("[1,]", 3),
        ("[1 2]", 3),
        ("{'a': 1}", 1),
        ("{\"a\" 1}", 5),
        ("01", 1),
        ("-", 0),
        ("+1", 0),
        (".5", 0),
        ("1.", 1),
        ("nan", 0),
        ("\"\n\"", 1),
        ("\"\\x\"", 2),
        ("\"\\u12\"", 3),
        ("\"open", 5),
        ("[] x", 3),
    ] {
        assert_eq!(PythonValue::parse(text).unwrap_err().place, place, "{text}");
    }
    assert!(PythonValue::parse(&("[".repeat(2000) + &"]".repeat(2000))).is_err());
    assert!(PythonValue::parse(&("[".repeat(400) + &"]".repeat(400))).is_ok());
}

#[test]
fn of_a_key_that_is_there_twice_the_last_value_counts_at_the_first_place() {
    let value = PythonValue::parse(r#"{"a": 1, "b": 2, "a": [3]}"#).unwrap();
    assert_eq!(value.to_text(), "{'a': [3], 'b': 2}");
}

#[test]
fn numbers_are_compared_as_python_does() {
    let number = |text: &str| PythonValue::parse(text).unwrap().as_number();
    assert_eq!(number("true"), Some(1.0));
    assert_eq!(number("1.0"), Some(1.0));
    assert_eq!(number("10e-1"), Some(1.0));
    assert_eq!(number("-0"), Some(0.0));
    assert_eq!(number("1e999"), Some(f64::INFINITY));
    assert_eq!(number("\"1\""), None);
    assert_eq!(number("null"), None);
}
