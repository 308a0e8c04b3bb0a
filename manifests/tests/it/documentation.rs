//! The examples of `docs/manifests.md` are manifests.

use retally_manifests::Manifest;

/// The page's blocks of TOML, with digests in the place of the ones that a reader fills in.
fn examples() -> Vec<String> {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/manifests.md"))
            .unwrap();
    let blocks = page.split("```toml\n").skip(1);
    let blocks = blocks.map(|block| block.split_once("```").unwrap().0);
    blocks
        .map(|block| {
            let digest = format!("\"{}\"", "ab".repeat(32));
            block.replace("\"…64 hexadecimal digits…\"", &digest).replace("\"…\"", &digest)
        })
        .collect()
}

#[test]
fn examples_can_be_read() {
    let examples = examples();
    assert!(examples.len() >= 2);
    for example in &examples {
        Manifest::parse("docs/manifests.md", example)
            .unwrap_or_else(|error| panic!("{error:?}\n{example}"));
    }
    let generator = Manifest::parse("docs/manifests.md", &examples[1]).unwrap();
    assert_eq!(generator.generators().next().unwrap().artifacts().len(), 3);
}
