//! `fullchain verify`, and what `--strict`, `--prefer` and `--tree` do for both commands.
#![cfg(all(target_os = "linux", feature = "cli"))]

mod common;

use std::fs;

use common::command::{Ended, Run};
use common::pki::{Ca, CaOptions, Leaf, LeafOptions};
use serde_json::Value;

/// A root that is known by itself and by an older root's cross-sign, an issuer below it, and a
/// leaf, each in a file of its name.
struct Site {
    run: Run,
    leaf: Leaf,
}

impl Site {
    fn new() -> Site {
        Site::with_leaf(LeafOptions::default())
    }

    fn with_leaf(options: LeafOptions) -> Site {
        let (run, old) = (Run::new(), Ca::root("Old Root"));
        let new = Ca::root("New Root");
        let cross = old.intermediate_with(CaOptions {
            shared_key: Some(new.key.clone()),
            ..CaOptions::named("New Root")
        });
        let issuer = new.intermediate("Issuer");
        let leaf = issuer.leaf(options);
        for (name, text) in [
            ("old.pem", &old.cert_pem),
            ("new.pem", &new.cert_pem),
            ("cross.pem", &cross.cert_pem),
            ("issuer.pem", &issuer.cert_pem),
            ("leaf.pem", &leaf.cert_pem),
            ("key.pem", &leaf.key_pem),
        ] {
            fs::write(run.path(name), text).expect("/tmp is writable");
        }
        Site { run, leaf }
    }

    fn verify(&self, args: &[&str]) -> Ended {
        Ended::of(self.run.fullchain(&[&["verify"], args].concat()))
    }
}

#[test]
fn a_chain_is_verified_without_a_key_and_the_exit_code_is_0() {
    let site = Site::new();
    let ended = site.verify(&["--roots", "new.pem", "leaf.pem", "issuer.pem"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    assert_eq!(
        ended.stderr,
        "verified: trusted by new.pem\n  CN=www.example.com\n  CN=Issuer\n  \
         trusted by new.pem until 2120-01-01T00:00:00Z, through CN=Issuer\n"
    );
}

#[test]
fn what_does_not_verify_is_explained_and_the_exit_code_is_1() {
    let site = Site::new();
    for (args, said) in [
        (
            &["--roots", "new.pem", "leaf.pem"][..],
            "error[missing-issuer]",
        ),
        (
            &["--roots", "new.pem", "none.pem"],
            "none.pem: No such file",
        ),
        (&["--roots", "new.pem", "key.pem"], "error[no-certificate]"),
        (
            &[
                "--roots",
                "new.pem",
                "--name",
                "else.example",
                "leaf.pem",
                "issuer.pem",
            ],
            "error[name-mismatch]",
        ),
        (
            &[
                "--roots",
                "new.pem",
                "--at",
                "2121-01-01T00:00:00Z",
                "leaf.pem",
                "issuer.pem",
            ],
            "error[expired]",
        ),
    ] {
        let ended = site.verify(args);
        assert_eq!(ended.code, Some(1), "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(said), "{args:?}: {}", ended.stderr);
        assert!(!ended.stderr.contains("written"), "{}", ended.stderr);
    }
}

#[test]
fn wrong_use_of_verify_is_exit_code_2() {
    let site = Site::new();
    for args in [
        &[][..],
        &["--out", "x.pem", "leaf.pem"],
        &["--prefer", "mine", "leaf.pem"],
    ] {
        assert_eq!(site.verify(args).code, Some(2), "{args:?}");
    }
}

#[test]
fn the_first_certificate_is_the_end_entity() {
    let site = Site::new();
    let ended = site.verify(&["--roots", "new.pem", "issuer.pem", "leaf.pem"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("error[ca-as-leaf]: CN=Issuer"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("--> issuer.pem:1-"),
        "{}",
        ended.stderr
    );
}

#[test]
fn strict_refuses_what_path_validation_lets_pass() {
    let site = Site::with_leaf(LeafOptions {
        authority_key_id: false,
        ..LeafOptions::default()
    });
    let verify = ["--roots", "new.pem", "leaf.pem", "issuer.pem"];
    assert_eq!(site.verify(&verify).code, Some(0));
    let strict = site.verify(&[&["--strict"], &verify[..]].concat());
    assert_eq!(strict.code, Some(1));
    assert!(
        strict
            .stderr
            .contains("error[key-identifier]: CN=www.example.com")
    );
    let args = [
        "bundle", "--strict", "--roots", "new.pem", "--out", "site.pem",
    ];
    let inputs = ["leaf.pem", "issuer.pem", "key.pem"];
    let ended = Ended::of(site.run.fullchain(&[&args[..], &inputs].concat()));
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(!site.run.path("site.pem").exists());
}

#[test]
fn the_rule_given_by_prefer_chooses_among_paths() {
    let site = Site::new();
    let stores = ["--roots", "old.pem", "--roots", "new.pem"];
    let inputs = ["leaf.pem", "issuer.pem", "cross.pem"];
    for (rule, cross) in [("stores", true), ("fewest", false)] {
        let args = [&["--prefer", rule], &stores[..], &inputs].concat();
        let ended = site.verify(&args);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let sent = ended.stderr.contains("  CN=Issuer\n  CN=New Root\n");
        assert_eq!(sent, cross, "{rule}: {}", ended.stderr);
        let trusted = ended
            .stderr
            .contains("verified: trusted by old.pem, new.pem");
        let ways = ["old.pem", "new.pem"].map(|store| format!("  trusted by {store} until "));
        let told = ways.map(|way| ended.stderr.contains(&way));
        assert_eq!(told, [cross, true], "{rule}: {}", ended.stderr);
        assert_eq!(trusted, cross, "{rule}: {}", ended.stderr);
        assert!(
            ended.stderr.contains("note[path-chosen]"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn the_tree_goes_to_standard_output_with_a_star_at_what_was_taken() {
    let site = Site::new();
    let count = |pem: &str| pem.lines().count();
    let args = [
        "--tree",
        "--roots",
        "new.pem",
        "leaf.pem",
        "issuer.pem",
        "cross.pem",
    ];
    let ended = site.verify(&args);
    let first = ended.stdout.lines().next().unwrap();
    let lines = count(&site.leaf.cert_pem);
    assert_eq!(first, format!("* CN=www.example.com (leaf.pem:1-{lines})"));
    let starred = |text: &str| {
        let line = ended.stdout.lines().find(|line| line.contains(text));
        line.unwrap_or_else(|| panic!("{text} is missing:\n{}", ended.stdout))
            .contains("* ")
    };
    assert!(starred("CN=Issuer (issuer.pem"));
    assert!(starred("root CN=New Root of new.pem"));
    assert!(!starred("CN=New Root (cross.pem"));
    assert!(!starred("its issuer is missing"));
    let bundled = [&["bundle"], &args[..], &["key.pem"]].concat();
    let bundled = Ended::of(site.run.fullchain(&bundled));
    assert_eq!(bundled.code, Some(0), "{}", bundled.stderr);
    assert_eq!(bundled.stdout, ended.stdout);
}

#[test]
fn the_tree_says_why_a_path_was_refused() {
    let root = Ca::root("Root");
    let issuer = root.intermediate_with(CaOptions {
        permitted_dns: vec!["example.org".to_owned()],
        ..CaOptions::named("Constrained")
    });
    let leaf = issuer.leaf_named("www.example.com");
    let run = Run::new();
    for (name, pem) in [
        ("root.pem", root.cert_pem),
        ("pile.pem", leaf.cert_pem + &issuer.cert_pem),
    ] {
        fs::write(run.path(name), pem).expect("the folder is writable");
    }
    let args = ["verify", "--roots", "root.pem", "--tree", "pile.pem"];
    let ended = Ended::of(run.fullchain(&args));
    assert_eq!(ended.code, Some(1));
    let last = ended.stdout.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("not taken: through CN=Constrained (pile.pem:"),
        "{last}"
    );
    assert!(last.ends_with("(refused: name-constraint)"), "{last}");
}

#[test]
fn json_of_verify_has_the_chain_and_the_tree() {
    let site = Site::new();
    let args = [
        "--json",
        "--tree",
        "--roots",
        "new.pem",
        "leaf.pem",
        "issuer.pem",
    ];
    let ended = site.verify(&args);
    let json: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(json["outcome"], "verified");
    assert!(json["bundle"].is_null() && json["written"].is_null());
    let chain = &json["chain"];
    let mut members: Vec<_> = chain.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(
        members,
        [
            "intermediates",
            "leaf",
            "names",
            "root",
            "trust",
            "trusted_by",
            "valid_until",
            "verified_at"
        ]
    );
    assert_eq!(chain["leaf"]["subject"], "CN=www.example.com");
    assert_eq!(chain["trust"][0]["store"], "new.pem");
    assert_eq!(chain["trust"][0]["trusted"], true);
    assert_eq!(chain["trust"][0]["path"], serde_json::json!(["CN=Issuer"]));
    assert!(
        json["tree"]
            .as_str()
            .unwrap()
            .starts_with("* CN=www.example.com")
    );
    let refused = site.verify(&["--json", "--roots", "new.pem", "leaf.pem"]);
    let refused: Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!(refused["outcome"], "refused");
    assert_eq!(refused["findings"][0]["code"], "missing-issuer");
    assert!(refused["chain"].is_null() && refused["tree"].is_null());
}
