//! SARIF 2.1.0: what clippy and the screening found, at the lines of the learner's own files.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    Context, File, Made,
    places::{self, Finding},
    sheet::{Sheet, graded},
    text,
};
use crate::{
    grade::grader::SCREENING,
    results::{CheckResult, Results, Verdict},
};

/// Makes `findings.sarif`: a run of two tools' findings, empty where nothing was found.
///
/// # Errors
/// If the file is no JSON, which it is.
pub fn make(results: &Results, sheet: &Sheet, _: &Context) -> Result<Made> {
    let found: Vec<Finding> = results
        .exercises
        .iter()
        .flat_map(|exercise| {
            let checks = graded(exercise).into_iter().flat_map(|subject| &subject.checks);
            checks.flat_map(|check| findings(check, &exercise.path)).collect::<Vec<_>>()
        })
        .collect();
    let rules: BTreeMap<&str, usize> = {
        let names: std::collections::BTreeSet<&str> = found.iter().map(|finding| finding.rule.as_str()).collect();
        names.into_iter().enumerate().map(|(index, name)| (name, index)).collect()
    };
    let value = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "racecourse",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.keys().map(|rule| json!({ "id": rule })).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [{ "executionSuccessful": sheet.is_judged() }],
            "results": found.iter().map(|finding| result(finding, rules[finding.rule.as_str()])).collect::<Vec<_>>(),
        }],
    });
    let files = vec![File::json("findings.sarif", &value)?];
    Ok(Made { files, stale: Vec::new(), printed: String::new(), judged: sheet.is_judged() })
}

fn findings(check: &CheckResult, exercise: &str) -> Vec<Finding> {
    let cases = check.cases.iter().filter(|case| case.verdict == Verdict::Fail);
    match check.check.as_str() {
        "lints" => cases.filter_map(|case| case.message.as_deref()).flat_map(|said| places::findings(said, exercise)).collect(),
        SCREENING => cases
            .map(|case| {
                let text = text::plain(case.message.as_deref().unwrap_or(&check.summary));
                let place = places::first(&case.name, exercise);
                Finding { rule: "racecourse::screening".into(), error: true, what: text::line(&text, 300), text, place }
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn result(finding: &Finding, rule: usize) -> Value {
    let mut result = json!({
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": if finding.error { "error" } else { "warning" },
        "message": { "text": finding.text },
    });
    if let Some(place) = &finding.place {
        let mut region = json!({ "startLine": place.line });
        if let Some(column) = place.column {
            region["startColumn"] = json!(column);
        }
        let file = json!({ "uri": text::uri(&place.file), "uriBaseId": "%SRCROOT%" });
        result["locations"] = json!([{ "physicalLocation": { "artifactLocation": file, "region": region } }]);
    }
    result
}
