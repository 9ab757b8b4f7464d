use proptest::prelude::*;
use user::User;
use user::mapping::RoleNames;

use super::*;
use crate::scope;

fn mapper(name: &str, kind: &str, config: &[(&str, &str)]) -> Mapper {
    let config = config.iter();
    Mapper {
        id: Uuid::new_v4(),
        name: name.to_owned(),
        protocol: crate::ID.to_owned(),
        protocol_mapper: kind.to_owned(),
        consent_required: false,
        config: config
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

fn compiled(mappers: &[Mapper]) -> Rules {
    Rules(vec![Arc::new(Set::compile(mappers.iter()))])
}

/// Subject, repository, actions.
fn rule(name: &str, [subject, repository, actions]: [&str; 3]) -> Mapper {
    let config = [
        ("subject", subject),
        ("repository", repository),
        ("actions", actions),
    ];
    mapper(name, ACCESS_RULE, &config)
}

fn rules(texts: &[[&str; 3]]) -> Rules {
    let mappers: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(at, text)| rule(&format!("rule {at}"), *text))
        .collect();
    compiled(&mappers)
}

/// Alice, a developer of /team/dev and a member of /guests, with an address at example.org.
fn alice() -> Subject {
    let user = User {
        username: "alice".to_owned(),
        email: Some("alice@example.org".to_owned()),
        email_verified: true,
        ..User::default()
    };
    let groups = [&["team", "dev"][..], &["guests"]];
    let groups = groups.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    let roles = RoleNames {
        realm: vec!["releaser".to_owned()],
        clients: [("my.registry".to_owned(), vec!["r.w".to_owned()])].into(),
    };
    Subject::new(&user, groups.to_vec(), roles)
}

fn granted(rules: &Rules, who: Option<&Subject>, scopes: &str) -> String {
    let asked = scope::parse(&[scopes]).unwrap();
    let granted = Rules::granted(&asked, &rules.decide(who, &asked));
    let texts: Vec<_> = granted.iter().map(ToString::to_string).collect();
    texts.join(" ")
}

#[test]
fn every_subject_is_recognised() {
    let alice = alice();
    for (subject, is_alice, is_anonymous) in [
        ("anonymous", true, true),
        ("authenticated", true, false),
        ("user:alice", true, false),
        ("user:ALICE", true, false),
        ("user:alic", false, false),
        ("group:/team/dev", true, false),
        ("group:/team", true, false),
        ("group:/guests", true, false),
        ("group:/dev", false, false),
        ("group:/tea", false, false),
        ("group:/team/dev/sub", false, false),
        ("realm-role:releaser", true, false),
        ("realm-role:r.w", false, false),
        ("client-role:my.registry.r.w", true, false),
        ("client-role:my.registry.r", false, false),
        ("client-role:my.r.w", false, false),
        ("user:bob ## group:/guests", true, false),
    ] {
        let rules = rules(&[[subject, "a", "pull"]]);
        let granted = |who| !granted(&rules, who, "repository:a:pull").is_empty();
        assert_eq!(granted(Some(&alice)), is_alice, "{subject}");
        assert_eq!(granted(None), is_anonymous, "{subject}");
    }
}

#[test]
fn what_is_granted_is_what_was_asked_and_some_rule_grants() {
    let rules = rules(&[
        ["authenticated", "a/**", "pull"],
        ["user:alice", "a/mine", "push##delete"],
        ["user:bob", "**", "*"],
        ["user:alice", "all/*", "*"],
    ]);
    let alice = alice();
    for (asked, expected) in [
        ("repository:a/mine:push,pull", "repository:a/mine:push,pull"),
        ("repository:a/x:push,pull,delete", "repository:a/x:pull"),
        ("repository:a/x:push", ""),
        ("repository:b:pull", ""),
        ("repository:a/../a/x:pull repository:a/.:pull", ""),
        ("repository:a/x/:pull repository:a//x:pull", ""),
        ("repository:a/mine:*", "repository:a/mine:pull,push,delete"),
        (
            "repository:a/mine:delete,*",
            "repository:a/mine:delete,pull,push",
        ),
        ("repository:a/x:*", "repository:a/x:pull"),
        ("repository:all/x:*", "repository:all/x:*"),
        ("repository:all/x:fly,pull", "repository:all/x:fly,pull"),
        ("repository:all/x:", ""),
        (
            "repository:b:pull repository:a/x:pull",
            "repository:a/x:pull",
        ),
        ("repository(plugin):a/x:pull", ""),
        ("registry:catalog:*", ""),
    ] {
        assert_eq!(granted(&rules, Some(&alice), asked), expected, "{asked}");
        assert_eq!(granted(&rules, None, asked), "", "{asked}");
    }
}

#[test]
fn types_are_classes_of_their_own() {
    let alice = alice();
    let of = |kind: &str| {
        let mapper = mapper(
            "m",
            ACCESS_RULE,
            &[
                ("subject", "authenticated"),
                ("repository", "catalog"),
                ("type", kind),
                ("actions", "*"),
            ],
        );
        compiled(&[mapper])
    };
    for kind in ["repository", "registry", "repository(plugin)", "artifact"] {
        for asked in ["repository", "registry", "repository(plugin)", "artifact"] {
            let text = format!("{asked}:catalog:*");
            let expected = if kind == asked { text.as_str() } else { "" };
            assert_eq!(granted(&of(kind), Some(&alice), &text), expected);
        }
    }
}

#[test]
fn variables_are_of_the_one_who_asks() {
    let alice = alice();
    for (rule, names) in [
        (["authenticated", "${username}/**", "pull"], "alice/x"),
        (["authenticated", "u-${username}", "pull"], "u-alice"),
        (
            ["authenticated", "${email.domain}/*", "pull"],
            "example.org/x",
        ),
        (
            ["authenticated", "${group.name}/*", "pull"],
            "dev/x guests/x",
        ),
        (["group:/team", "${group.name}/*", "pull"], "dev/x"),
        (["group:/team", "${group.path}/*", "pull"], "team/dev/x"),
        (
            ["group:/guests", "${group.path}-${group.name}", "pull"],
            "guests-guests",
        ),
        (
            ["group:/team ## user:alice", "${group.name}/*", "pull"],
            "dev/x guests/x",
        ),
        (["anonymous", "${group.name}/*", "pull"], "dev/x guests/x"),
        (["realm-role:releaser", "${username}/x", "pull"], "alice/x"),
        (["user:bob", "${username}/x", "pull"], ""),
    ] {
        let rules = rules(&[rule]);
        for name in "alice/x bob/x u-alice example.org/x dev/x guests/x team/dev/x guests-guests x"
            .split(' ')
        {
            let asked = format!("repository:{name}:pull");
            let expected = names.split(' ').any(|known| known == name);
            assert_eq!(
                !granted(&rules, Some(&alice), &asked).is_empty(),
                expected,
                "{rule:?} {name}"
            );
            assert_eq!(granted(&rules, None, &asked), "", "{rule:?} {name}");
        }
    }
    let mut unverified = alice;
    unverified.verified_email = None;
    let rules = rules(&[["authenticated", "${email.domain}/*", "pull"]]);
    assert_eq!(
        granted(&rules, Some(&unverified), "repository:example.org/x:pull"),
        ""
    );
}

#[test]
fn the_first_mapper_by_name_decides() {
    let mappers = [
        rule("b", ["authenticated", "**", "pull"]),
        rule("a", ["authenticated", "**", "pull##push"]),
        rule("c", ["authenticated", "**", "*"]),
    ];
    let rules = compiled(&mappers);
    let asked = scope::parse(&["repository:x:pull,push,delete,*"]).unwrap();
    let decisions = rules.decide(Some(&alice()), &asked);
    let by: Vec<_> = decisions
        .iter()
        .map(|decision| {
            (
                decision.action.as_str(),
                &*decision.by.as_ref().unwrap().name,
            )
        })
        .collect();
    assert_eq!(
        by,
        [("pull", "a"), ("push", "a"), ("delete", "c"), ("*", "c")]
    );
}

#[test]
fn what_is_denied_is_a_decision_too() {
    let rules = rules(&[["authenticated", "a", "pull##push"]]);
    let said = |scopes: &str| {
        let asked = scope::parse(&[scopes]).unwrap();
        let decisions = rules.decide(Some(&alice()), &asked).into_iter();
        let said =
            decisions.map(|d| format!("{}{}", if d.by.is_some() { '+' } else { '-' }, d.action));
        said.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(said("repository:a:delete,pull"), "-delete +pull");
    assert_eq!(said("repository:a:*"), "+pull +push -*");
    assert_eq!(said("repository:b:* repository:a:push"), "-* +push");
}

#[test]
fn allow_all_wins_for_whoever_has_signed_in() {
    let mappers = [
        rule("a", ["anonymous", "public/**", "pull"]),
        mapper("z", ALLOW_ALL, &[]),
    ];
    let rules = compiled(&mappers);
    let asked = "repository:x:pull,* registry:catalog:*";
    assert_eq!(granted(&rules, Some(&alice()), asked), asked);
    assert_eq!(granted(&rules, None, asked), "");
    assert_eq!(
        granted(&rules, None, "repository:public/a:*"),
        "repository:public/a:pull"
    );
    assert_eq!(rules.needs(), Needs::default());
}

#[test]
fn only_what_rules_ask_for_is_needed() {
    let (groups, roles) = (true, true);
    for (text, needs) in [
        (
            ["authenticated", "${username}/**", "pull"],
            Needs::default(),
        ),
        (
            ["group:/a", "a", "pull"],
            Needs {
                groups,
                roles: false,
            },
        ),
        (
            ["authenticated", "${group.name}", "pull"],
            Needs {
                groups,
                roles: false,
            },
        ),
        (
            ["realm-role:r", "a", "pull"],
            Needs {
                groups: false,
                roles,
            },
        ),
        (
            ["client-role:c.r##group:/a", "a", "pull"],
            Needs { groups, roles },
        ),
    ] {
        assert_eq!(rules(&[text]).needs(), needs, "{text:?}");
    }
}

#[test]
fn of_a_thousand_rules_only_those_that_begin_as_the_name_does_are_looked_at() {
    let mappers: Vec<_> = (0..1000)
        .map(|n| {
            let (subject, name) = (format!("group:/team-{n}"), format!("org/team-{n}/**"));
            rule(&n.to_string(), [&subject, &name, "pull##push"])
        })
        .chain([rule("all", ["user:root", "**", "*"])])
        .collect();
    let set = Set::compile(mappers.iter());
    for (scope, looked_at) in [
        ("repository:org/team-7/app:pull", 2),
        ("repository:org/team-7000/app:pull", 1),
        ("repository:org:pull", 1),
        ("registry:catalog:*", 0),
    ] {
        let asked = scope::parse(&[scope]).unwrap();
        assert_eq!(set.candidates(&asked[0]).count(), looked_at, "{scope}");
    }
}

const SUBJECTS: [&str; 7] = [
    "anonymous",
    "authenticated",
    "user:alice",
    "user:bob",
    "group:/team",
    "realm-role:releaser",
    "client-role:my.registry.r.w",
];
const NAMES: [&str; 8] = [
    "a",
    "a/*",
    "a/**",
    "**",
    "*/b",
    "${username}/**",
    "${group.path}/**",
    "a/**/b",
];
const ACTS: [&str; 5] = ["pull", "push", "delete", "*", "pull##push"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Against the definition: asked ∩ the union of the rules that match, each looked at by itself.
    #[test]
    fn granted_is_asked_and_the_union_of_all_that_match(
        texts in prop::collection::vec((0..SUBJECTS.len(), 0..NAMES.len(), 0..ACTS.len()), 0..12),
        name in "(a|alice|team/dev)(/[ab]){0,3}",
        actions in prop::sample::subsequence(vec!["pull", "push", "delete", "*"], 0..4),
        signed_in in any::<bool>(),
    ) {
        let alice = alice();
        let who = signed_in.then_some(&alice);
        let texts: Vec<_> = texts.into_iter().map(|(s, n, a)| [SUBJECTS[s], NAMES[n], ACTS[a]]).collect();
        let together = rules(&texts);
        let asked = [Access {
            kind: "repository".to_owned(),
            name: name.clone(),
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
        }];
        let alone = |action: &str| texts.iter().any(|text| {
            let rules = rules(&[*text]);
            !granted(&rules, who, &format!("repository:{name}:{action}")).is_empty() && (action != "*" || text[2] == "*")
        });
        let mut expected = Vec::new();
        for action in &actions {
            let listed: &[&str] = if *action == "*" && !alone("*") { &ACTIONS } else { &[action] };
            for action in listed {
                if alone(action) && !expected.contains(action) {
                    expected.push(*action);
                }
            }
        }
        let granted = Rules::granted(&asked, &together.decide(who, &asked));
        let granted: Vec<_> = granted.iter().flat_map(|access| &access.actions).collect();
        prop_assert_eq!(granted, expected);
    }
}
