//! Validation against an XML Schema, as far as the JUnit schema uses one: global elements, named types, sequences, choices,
//! references, occurrences, attributes. What it does not know in a schema is a failure of the test, never taken for valid.
//! `tests/parity/junit_schema.py` compares it with two other validators.

use roxmltree::{Document, Node};
use std::collections::{BTreeMap, BTreeSet};

const NAMESPACE: &str = "http://www.w3.org/2001/XMLSchema";

/// A schema.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    elements: BTreeMap<String, Type>,
    types: BTreeMap<String, Type>,
}

/// What an element may hold.
#[derive(Clone, Debug)]
enum Type {
    /// Text alone.
    Text,
    /// Of a named type.
    Named(String),
    Complex(Complex),
}

#[derive(Clone, Debug, Default)]
struct Complex {
    has_text: bool,
    content: Option<Particle>,
    attributes: Vec<Attribute>,
}

#[derive(Clone, Debug)]
struct Attribute {
    name: String,
    is_required: bool,
    /// Whether any text will do; this interpreter knows no patterns, so that others may not appear.
    is_text: bool,
}

/// A part of a content model with how often it may occur.
#[derive(Clone, Debug)]
struct Particle {
    kind: Kind,
    least: usize,
    most: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    Element(String),
    Sequence(Vec<Particle>),
    Choice(Vec<Particle>),
}

impl Schema {
    /// Reads a schema.
    pub(crate) fn parse(text: &str) -> Self {
        let document = Document::parse(text).unwrap();
        let mut schema = Self::default();
        for node in children(document.root_element()) {
            match node.tag_name().name() {
                // Used by attributes alone, which may then not appear.
                "simpleType" => {}
                "complexType" => {
                    let read = schema.complex(node);
                    schema.types.insert(name(node), Type::Complex(read));
                }
                "element" => {
                    let read = schema.element_type(node);
                    schema.elements.insert(name(node), read);
                }
                other => panic!("the schema has a construct that is not known: {other}"),
            }
        }
        schema
    }

    fn element_type(&mut self, node: Node<'_, '_>) -> Type {
        known(node, &["name", "type", "minOccurs", "maxOccurs"]);
        match node.attribute("type") {
            Some("xs:string") => Type::Text,
            Some(named) => Type::Named(named.to_owned()),
            None => {
                let own: Vec<_> = children(node).collect();
                assert_eq!(own.len(), 1, "{own:?}");
                Type::Complex(self.complex(own[0]))
            }
        }
    }

    fn complex(&mut self, node: Node<'_, '_>) -> Complex {
        known(node, &["name", "mixed"]);
        let mut complex =
            Complex { has_text: node.attribute("mixed") == Some("true"), ..Complex::default() };
        for child in children(node) {
            match child.tag_name().name() {
                "attribute" => {
                    known(child, &["name", "type", "use"]);
                    complex.attributes.push(Attribute {
                        name: name(child),
                        is_required: child.attribute("use") == Some("required"),
                        is_text: child.attribute("type") == Some("xs:string"),
                    });
                }
                _ => {
                    assert!(complex.content.is_none(), "two content models");
                    complex.content = Some(self.particle(child));
                }
            }
        }
        complex
    }

    fn particle(&mut self, node: Node<'_, '_>) -> Particle {
        let occurrences = |attribute: &str| match node.attribute(attribute) {
            None => 1,
            Some("unbounded") => usize::MAX,
            Some(number) => number.parse().unwrap(),
        };
        let (least, most) = (occurrences("minOccurs"), occurrences("maxOccurs"));
        let kind = match node.tag_name().name() {
            "element" => {
                let named = node.attribute("ref").map(str::to_owned).unwrap_or_else(|| {
                    let (name, read) = (name(node), self.element_type(node));
                    // Two elements of one name and different types would need more than this.
                    assert!(
                        matches!(read, Type::Text),
                        "an inner element of another type than text"
                    );
                    self.elements.entry(name.clone()).or_insert(read);
                    name
                });
                Kind::Element(named)
            }
            "sequence" => {
                Kind::Sequence(children(node).map(|child| self.particle(child)).collect())
            }
            "choice" => Kind::Choice(children(node).map(|child| self.particle(child)).collect()),
            other => panic!("the schema has a construct that is not known: {other}"),
        };
        Particle { kind, least, most }
    }

    /// Validates a document whose root is this element.
    pub(crate) fn validate(&self, text: &str, root: &str) -> Result<(), String> {
        let document = Document::parse(text).map_err(|error| error.to_string())?;
        let node = document.root_element();
        if node.tag_name().name() != root {
            return Err(format!("the root is {}", node.tag_name().name()));
        }
        self.check(node)
    }

    fn check(&self, node: Node<'_, '_>) -> Result<(), String> {
        let tag = node.tag_name().name();
        let mut found = self.elements.get(tag).ok_or_else(|| format!("<{tag}> is not declared"))?;
        if let Type::Named(named) = found {
            found = self.types.get(named).ok_or_else(|| format!("no type {named}"))?;
        }
        let (complex, is_text) = match found {
            Type::Complex(complex) => (complex.clone(), false),
            _ => (Complex { has_text: true, ..Complex::default() }, true),
        };
        for attribute in node.attributes() {
            let own = complex.attributes.iter().find(|own| own.name == attribute.name());
            if !own.is_some_and(|own| own.is_text) {
                return Err(format!("<{tag}> may not have {}", attribute.name()));
            }
        }
        for attribute in complex.attributes.iter().filter(|own| own.is_required) {
            if node.attribute(attribute.name.as_str()).is_none() {
                return Err(format!("<{tag}> lacks {}", attribute.name));
            }
        }
        let texts = node.children().filter(|child| child.is_text());
        let has_text = texts.filter_map(|child| child.text()).any(|text| !text.trim().is_empty());
        if has_text && !complex.has_text {
            return Err(format!("<{tag}> may not have text"));
        }
        let inner: Vec<&str> = children(node).map(|child| child.tag_name().name()).collect();
        let fits = match (&complex.content, is_text) {
            (Some(content), false) => ends(content, &inner, 0).contains(&inner.len()),
            _ => inner.is_empty(),
        };
        if !fits {
            return Err(format!("<{tag}> may not hold {inner:?}"));
        }
        children(node).try_for_each(|child| self.check(child))
    }
}

/// Where a part can end that begins at `start`.
fn ends(particle: &Particle, names: &[&str], start: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::from([start]);
    let mut all = if particle.least == 0 { reached.clone() } else { BTreeSet::new() };
    let mut times = 0;
    while times < particle.most {
        let next: BTreeSet<usize> =
            reached.iter().flat_map(|&at| once(&particle.kind, names, at)).collect();
        times += 1;
        // A part that takes nothing can be repeated for ever and leads nowhere new.
        let is_new = next.iter().any(|end| !all.contains(end));
        if times >= particle.least {
            all.extend(&next);
            if !is_new {
                break;
            }
        }
        if next.is_empty() {
            break;
        }
        reached = next;
    }
    all
}

fn once(kind: &Kind, names: &[&str], at: usize) -> BTreeSet<usize> {
    match kind {
        Kind::Element(name) => {
            if names.get(at) == Some(&name.as_str()) {
                BTreeSet::from([at + 1])
            } else {
                BTreeSet::new()
            }
        }
        Kind::Choice(parts) => parts.iter().flat_map(|part| ends(part, names, at)).collect(),
        Kind::Sequence(parts) => parts.iter().fold(BTreeSet::from([at]), |reached, part| {
            reached.into_iter().flat_map(|at| ends(part, names, at)).collect()
        }),
    }
}

fn children<'a, 'input>(node: Node<'a, 'input>) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(Node::is_element)
}

fn name(node: Node<'_, '_>) -> String {
    node.attribute("name").unwrap().to_owned()
}

fn known(node: Node<'_, '_>, names: &[&str]) {
    assert_eq!(node.tag_name().namespace(), Some(NAMESPACE));
    for attribute in node.attributes() {
        assert!(names.contains(&attribute.name()), "{attribute:?} is not known");
    }
}
