//! `retally score mme`, `pope`, `mmvp`, `mmmu`, `geneval` and `dpg` on prediction files.

use crate::program::{json, text};
use crate::workbench::InputFolder;
use serde_json::Value;
use std::fmt::Write;

fn measurement<'a>(document: &'a Value, metric: &str) -> &'a Value {
    let all = document["measurements"].as_array().unwrap();
    all.iter()
        .find(|measured| measured["metric"] == metric)
        .unwrap_or_else(|| panic!("no {metric}"))
}

fn value(document: &Value, metric: &str) -> f64 {
    measurement(document, metric)["value"].as_f64().unwrap()
}

fn refused(arguments: &[&str], part: &str) {
    let document = json(arguments, 2);
    let message = document["error"]["message"].as_str().unwrap();
    assert!(message.contains(part), "`{part}` is not in: {message}");
}

/// Every subtask as long as released, every second picture with one wrong reply: acc 75, acc+ 50.
#[test]
fn mme_adds_up_ten_subtasks() {
    let bench = InputFolder::new();
    let lines = |pairs: usize| {
        (0..pairs).fold(String::new(), |mut text, image| {
            let second = if image % 2 == 0 { "no" } else { "yes" };
            write!(text, "{image}.jpg\tq\tYes\tYes.\n{image}.jpg\tq\tNo\t{second}\n").unwrap();
            text
        })
    };
    let perception = [
        ("existence", 60),
        ("count", 60),
        ("position", 60),
        ("color", 60),
        ("posters", 294),
        ("celebrity", 340),
        ("scene", 400),
        ("landmark", 400),
        ("artwork", 400),
        ("OCR", 40),
    ];
    for (name, questions) in perception {
        // An even number of pairs, so that half of them are right.
        bench.write(&format!("{name}.txt"), &lines(questions / 4 * 2));
    }
    let document = json(&["score", "mme", bench.folder()], 0);
    assert!((value(&document, "MME|perception") - 1250.0).abs() < 1e-9);
    assert_eq!(value(&document, "MME|OCR|acc"), 75.0);
    assert_eq!(value(&document, "MME|OCR|acc+"), 50.0);
    let interval = &measurement(&document, "MME|perception")["interval"];
    assert!(
        interval["low"].as_f64().unwrap() < 1250.0 && interval["high"].as_f64().unwrap() > 1250.0
    );
    assert_eq!(document["notes"].to_string(), "[\"posters has 292 questions; MME has 294\"]");
    assert!(!document.to_string().contains("cognition"));
    std::fs::remove_file(bench.path("OCR.txt")).unwrap();
    let document = json(&["score", "mme", bench.folder(), "--draws", "0"], 0);
    assert_eq!(measurement(&document, "MME|perception")["absence"]["reason"], "missing-input");
    bench.write("color.txt", "a\tq\tYes\tYes\nb\tq\tNo\tNo\n");
    refused(&["score", "mme", bench.folder()], "line 2: it is on `b`");
    refused(&["score", "mme", text(&bench.path("none"))], "holds none of MME's files");
}

#[test]
fn pope_pairs_answers_with_labels_by_category() {
    let bench = InputFolder::new();
    let labels = |name: &str, labels: &[&str]| {
        let lines: Vec<String> =
            labels.iter().map(|label| format!("{{\"label\":\"{label}\"}}")).collect();
        bench.write(&format!("coco_pope_{name}.json"), &lines.join("\n"));
    };
    labels("random", &["yes", "no"]);
    labels("popular", &["yes", "yes", "no"]);
    let answers = r#"[{"question_id":1,"text":"Yes."},{"question_id":"x","text":"There is not"},{"question_id":2,"text":"No, it"},
        {"question_id":3,"text":"yes"},{"question_id":4,"text":"yes"}]"#;
    let answers = bench.write("answers.json", answers);
    let questions: String = [
        ("1", "random"),
        ("\"x\"", "popular"),
        ("2", "random"),
        ("3", "popular"),
        ("4", "popular"),
    ]
    .iter()
    .map(|(id, category)| {
        format!("{{\"question_id\":{id},\"category\":\"{category}\",\"image\":\"a\"}}\n")
    })
    .collect();
    let questions = bench.write("questions.jsonl", &questions);
    let arguments = [
        "score",
        "pope",
        "--answers",
        &answers,
        "--labels",
        bench.folder(),
        "--questions",
        &questions,
    ];
    let document = json(&arguments, 0);
    // popular: no, yes, yes against yes, yes, no: one right yes, one wrong, one missed.
    assert_eq!(
        (value(&document, "POPE|popular|F1"), value(&document, "POPE|random|F1")),
        (50.0, 100.0)
    );
    assert_eq!(value(&document, "POPE|mean-F1"), 75.0);
    let notes = document["notes"].to_string();
    assert!(notes.contains("the mean F1 is over popular, random"), "{notes}");
    assert!(notes.contains("`random` has 2 questions"), "{notes}");
    refused(&arguments[..6], "the category of question 1 is not known");
    labels("random", &["yes"]);
    refused(&arguments, "has 2 answers");
    labels("random", &["yes", "perhaps"]);
    refused(&arguments, "line 2: its label is `perhaps`");
    std::fs::remove_file(bench.path("coco_pope_random.json")).unwrap();
    refused(&arguments, "no `coco_pope_random.json`");
}

#[test]
fn mmvp_takes_letters_or_raw_replies() {
    let bench = InputFolder::new();
    let results = bench.write(
        "results.jsonl",
        "{\"data_id\":\"1\",\"question\":\"q\",\"answer\":\"A\",\"gt_answers\":\"A\"}\n\
         {\"data_id\":\"2\",\"answer\":\"It is Closed\",\"gt_answers\":\"(b)\",\"options\":\"(a) Open (b) Closed\"}\n\
         {\"data_id\":\"3\",\"answer\":\"A\",\"gt_answers\":\"A\"}\n{\"data_id\":\"4\",\"answer\":\"\",\"gt_answers\":\"B\"}\n",
    );
    let document = json(&["score", "mmvp", &results], 0);
    assert_eq!((value(&document, "MMVP|pairs"), value(&document, "MMVP|single")), (50.0, 75.0));
    let notes = document["notes"].to_string();
    assert!(
        notes.contains("2 pairs; MMVP has 150") && notes.contains("1 empty replies"),
        "{notes}"
    );
    let line = |id: u64| format!("{{\"data_id\":{id},\"answer\":\"A\",\"gt_answers\":\"A\"}}\n");
    let shifted = bench.write("shifted.jsonl", &(line(2) + &line(3)));
    refused(&["score", "mmvp", &shifted], "line 2: questions 2 and 3 stand together");
    refused(&["score", "mmvp", &bench.write("odd.jsonl", &line(1))], "line 1: it has no pair");
    let unsplit = line(1).replace('}', ",\"options\":\"A or B\"}");
    refused(&["score", "mmvp", &bench.write("options.jsonl", &unsplit)], "exactly one `(b)`");
}

#[test]
fn mmmu_scores_both_kinds_of_questions() {
    let bench = InputFolder::new();
    let answers = bench.write(
        "answers.json",
        r#"{"validation_Art_1":{"question_type":"multiple-choice","ground_truth":"B"},
            "validation_Art_2":{"question_type":"multiple-choice","ground_truth":"A"},
            "validation_Math_1":{"question_type":"short-answer","ground_truth":["x y","12.97"]},
            "validation_Math_2":{"question_type":"short-answer","ground_truth":"5"}}"#,
    );
    let predictions = bench.write(
        "prediction.json",
        r#"{"validation_Art_1":"B","validation_Art_2":"B","validation_Math_1":"So it is 12.974 g"}"#,
    );
    let document =
        json(&["score", "mmmu", "--predictions", &predictions, "--answers", &answers], 0);
    assert!((value(&document, "MMMU") - 200.0 / 3.0).abs() < 1e-9);
    assert_eq!(value(&document, "MMMU|Art and Design|Art"), 50.0);
    assert_eq!(value(&document, "MMMU|Science"), 100.0);
    let notes = document["notes"].to_string();
    assert!(
        notes.contains("has 900") && notes.contains("1 of 4 questions have no prediction"),
        "{notes}"
    );
    // Raw replies: empty is B, none of the options is A.
    let raw = bench.write(
        "raw.jsonl",
        "{\"id\":\"validation_Art_1\",\"response\":\" \",\"options\":[\"u\",\"v\"]}\n\
         {\"id\":\"validation_Art_2\",\"response\":\"I say B\",\"options\":[\"u\",\"v\"]}\n",
    );
    let document = json(&["score", "mmmu", "--predictions", &raw, "--answers", &answers], 0);
    assert_eq!(value(&document, "MMMU"), 100.0);
    let unknown = bench.write("unknown.json", r#"{"validation_Art_9":"A"}"#);
    refused(
        &["score", "mmmu", "--predictions", &unknown, "--answers", &answers],
        "`validation_Art_9` is not among",
    );
}

#[test]
fn geneval_judges_detections() {
    let bench = InputFolder::new();
    let line = |metadata: &str, detections: &str| {
        format!("{{\"metadata\":{metadata},\"detections\":[{detections}]}}\n")
    };
    let position = r#"{"tag":"position","prompt":"a dog left of a cat","include":[{"class":"cat","count":1},{"class":"dog","count":1,"position":["left of",0]}]}"#;
    let color = r#"{"tag":"colors","prompt":"a red car","include":[{"class":"car","count":1,"color":"red"}]}"#;
    let cat = r#"{"class":"cat","box":[100,0,120,20],"confidence":0.9}"#;
    let dog = r#"{"class":"dog","box":[0,0,20,20],"confidence":0.5}"#;
    let car = |color: &str| {
        format!(r#"{{"class":"car","box":[0,0,9,9],"confidence":0.8,"color":"{color}"}}"#)
    };
    let file = bench.write(
        "x.jsonl",
        &[line(position, &format!("{cat},{dog}")), line(position, cat), line(color, &car("red"))]
            .concat(),
    );
    let document = json(&["score", "geneval", &file], 0);
    assert_eq!(value(&document, "GenEval"), 0.75);
    assert_eq!(
        (value(&document, "GenEval|position"), value(&document, "GenEval|prompts")),
        (0.5, 100.0)
    );
    assert_eq!(document["pictures"][1]["right"], false);
    assert!(document["pictures"][1]["reasons"][0].as_str().unwrap().contains("dog"));
    let other = json(&["score", "geneval", &file, "--confidence", "0.6"], 0);
    assert_eq!(value(&other, "GenEval|position"), 0.0);
    assert!(other["notes"].to_string().contains("not GenEval's"));
    let uncoloured =
        bench.write("u.jsonl", &line(color, r#"{"class":"car","box":[0,0,9,9],"confidence":0.8}"#));
    refused(
        &["score", "geneval", &uncoloured],
        "line 1: a car must be red, but its detection has no `color`",
    );
    let near = line(&position.replace("left of", "near"), cat);
    refused(&["score", "geneval", &bench.write("n.jsonl", &near)], "`near` is no relation");
}

#[test]
fn dpg_reads_propositions_beside_answers_or_in_the_csv_file() {
    let bench = InputFolder::new();
    let file = bench.write(
        "x.jsonl",
        "{\"prompt\":\"a\",\"propositions\":[{\"id\":1,\"answer\":\"no\"},{\"id\":2,\"parents\":[1],\"category\":\"entity\",\"answer\":\"yes\"}]}\n\
         {\"prompt\":\"a\",\"image\":2,\"propositions\":[{\"id\":1,\"answer\":\"yes\"},{\"id\":2,\"parents\":[1],\"category\":\"entity\",\"answer\":\"Yes\"}]}\n",
    );
    let document = json(&["score", "dpg", &file], 0);
    assert_eq!((value(&document, "DPG|pooled"), value(&document, "DPG|per-prompt")), (25.0, 25.0));
    assert_eq!(value(&document, "DPG|entity"), 0.0);
    assert!(document["notes"].to_string().contains("1 answers are neither"));
    let questions = bench.write(
        "dpg.csv",
        "item_id,text,keywords,proposition_id,dependency,category_broad,category_detailed,tuple,question_natural_language\n\
         a,\"t, u\",k,1,0,entity,whole,entity - whole (x),Is x?\na,\"t, u\",k,2,\"1, 0\",attribute,color,attribute - color (x),Is x red?\n",
    );
    let answers =
        bench.write("y.jsonl", "{\"prompt\":\"a\",\"answers\":{\"1\":\"yes\",\"2\":\"no\"}}\n");
    let document = json(&["score", "dpg", &answers, "--questions", &questions], 0);
    assert_eq!((value(&document, "DPG|pooled"), value(&document, "DPG|attribute")), (50.0, 0.0));
    refused(&["score", "dpg", &answers], "give the file of propositions");
    let part = bench.write("z.jsonl", "{\"prompt\":\"a\",\"answers\":{\"1\":\"yes\"}}\n");
    refused(&["score", "dpg", &part, "--questions", &questions], "proposition 2 has no answer");
    let orphan = bench.write(
        "o.jsonl",
        "{\"prompt\":\"a\",\"propositions\":[{\"id\":1,\"parents\":[7],\"answer\":\"no\"}]}\n",
    );
    refused(&["score", "dpg", &orphan], "proposition 1 depends on 7, which is not there");
}
