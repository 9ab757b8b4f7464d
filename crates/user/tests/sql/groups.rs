use serde_json::{Value, json};
use store::Error;
use user::WriteError;
use user::group::{self, GroupRepresentation, MAX_DEPTH, Search, Where};
use user::mapping::{self, Owner};
use uuid::Uuid;

use crate::{Fixture, with_database};

fn rep(value: Value) -> GroupRepresentation {
    serde_json::from_value(value).unwrap()
}

impl Fixture {
    pub(crate) async fn group(&self, parent: Option<Uuid>, name: &str) -> Uuid {
        let rep = rep(json!({ "name": name }));
        group::create(&self.pool, self.realm.id, parent, &rep)
            .await
            .unwrap()
    }

    pub(crate) async fn insert_tree(&self, groups: Value) -> Result<Vec<Uuid>, WriteError> {
        let groups: Vec<GroupRepresentation> = serde_json::from_value(groups).unwrap();
        let mut tx = self.pool.begin().await.unwrap();
        let ids = group::insert_tree(&mut tx, self.realm.id, None, &groups).await?;
        tx.commit().await.unwrap();
        Ok(ids)
    }

    async fn move_to(&self, id: Uuid, parent: Option<Uuid>) -> Result<bool, Error> {
        let mut tx = self.pool.begin().await.unwrap();
        let moved = group::move_to(&mut tx, self.realm.id, id, parent).await?;
        tx.commit().await.unwrap();
        Ok(moved)
    }

    async fn path(&self, id: Uuid) -> String {
        let found = group::find(&self.pool, self.realm.id, id).await.unwrap();
        found.unwrap().path
    }

    async fn paths(&self, search: Search) -> Vec<String> {
        let groups = group::list(&self.pool, self.realm.id, &search)
            .await
            .unwrap();
        let count = group::count(&self.pool, self.realm.id, &search)
            .await
            .unwrap();
        if search.first.is_none() && search.max.is_none() {
            assert_eq!(usize::try_from(count).unwrap(), groups.len());
        }
        groups.into_iter().map(|group| group.path).collect()
    }
}

#[test]
fn names_are_unique_among_siblings_only() {
    with_database(async |t| {
        let (a, b) = (t.group(None, "a").await, t.group(None, "b").await);
        t.group(Some(a), "x").await;
        t.group(Some(b), "x").await;
        let again = async |parent, name: &str| {
            let rep = rep(json!({ "name": name }));
            group::create(&t.pool, t.realm.id, parent, &rep).await
        };
        for (parent, name) in [(None, "a"), (Some(a), "x")] {
            let error = again(parent, name).await.unwrap_err();
            assert!(matches!(error, Error::Duplicate(name) if name == "group_name_key"));
        }
        let gone = again(Some(Uuid::new_v4()), "y").await.unwrap_err();
        assert!(matches!(gone, Error::Missing(_)), "{gone}");
    });
}

#[test]
fn a_group_cannot_get_below_itself() {
    with_database(async |t| {
        let a = t.group(None, "a").await;
        let b = t.group(Some(a), "b").await;
        let c = t.group(Some(b), "c").await;
        for below in [b, c] {
            let error = t.move_to(a, Some(below)).await.unwrap_err();
            assert!(matches!(error, Error::Invalid(_)), "{error}");
        }
        // Into itself, and to where it is: nothing changes.
        assert!(t.move_to(a, Some(a)).await.unwrap());
        assert!(t.move_to(b, Some(a)).await.unwrap());
        assert_eq!(t.path(c).await, "/a/b/c");
        assert!(t.move_to(c, None).await.unwrap());
        assert!(t.move_to(a, Some(c)).await.unwrap());
        assert_eq!(t.path(b).await, "/c/a/b");
        assert!(!t.move_to(Uuid::new_v4(), None).await.unwrap());
        let nowhere = t.move_to(a, Some(Uuid::new_v4())).await.unwrap_err();
        assert!(matches!(nowhere, Error::Missing(_)), "{nowhere}");
    });
}

#[test]
fn two_moves_at_once_make_no_circle() {
    with_database(async |t| {
        for number in 0..20 {
            let a = t.group(None, &format!("a{number}")).await;
            let b = t.group(None, &format!("b{number}")).await;
            let (one, other) = tokio::join!(t.move_to(a, Some(b)), t.move_to(b, Some(a)));
            let refused = [&one, &other]
                .into_iter()
                .filter(|moved| matches!(moved, Err(Error::Invalid(_))));
            assert_eq!(refused.count(), 1, "{one:?} {other:?}");
            assert!([1, 2].contains(&(t.path(a).await.matches('/').count())));
        }
    });
}

#[test]
fn groups_nest_only_so_deep() {
    with_database(async |t| {
        let mut last = t.group(None, "1").await;
        for depth in 2..=MAX_DEPTH {
            last = t.group(Some(last), &depth.to_string()).await;
        }
        let deeper = rep(json!({ "name": "too deep" }));
        let error = group::create(&t.pool, t.realm.id, Some(last), &deeper)
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("Groups nest at most {MAX_DEPTH} deep")
        );
        let other = t.group(None, "other").await;
        let error = t.move_to(other, Some(last)).await.unwrap_err();
        assert!(error.to_string().contains("deep"), "{error}");

        let mut nested = json!({ "name": "leaf" });
        for _ in 0..MAX_DEPTH {
            nested = json!({ "name": "g", "subGroups": [nested] });
        }
        let error = t.insert_tree(json!([nested])).await.unwrap_err();
        assert!(matches!(error, WriteError::Store(Error::Invalid(_))));
    });
}

#[test]
fn lists_find_groups_by_place_name_and_attribute() {
    with_database(async |t| {
        t.insert_tree(json!([
            { "name": "Devs", "attributes": { "k": ["v", "w"] }, "subGroups": [{ "name": "dev_ops" }, { "name": "100%" }] },
            { "name": "other", "subGroups": [{ "name": "redevelop", "attributes": { "k": ["v"], "l": ["x"] } }] },
        ]))
        .await
        .unwrap();
        let devs = group::find_by_path(&t.pool, t.realm.id, "/Devs")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(devs.sub_group_count, 2);
        let named = |among, name: &str, exact| Search {
            among,
            name: Some(name.to_owned()),
            exact,
            ..Search::default()
        };
        let anywhere = |name, exact| named(Where::Anywhere, name, exact);
        let inside = |name, exact| named(Where::In(devs.id), name, exact);
        let with = |pairs: &[(&str, &str)]| Search {
            among: Where::Anywhere,
            q: pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            ..Search::default()
        };
        for (search, expected) in [
            (Search::default(), vec!["/Devs", "/other"]),
            (
                anywhere("DEV", false),
                vec!["/Devs", "/Devs/dev_ops", "/other/redevelop"],
            ),
            (anywhere("Devs", true), vec!["/Devs"]),
            (anywhere("devs", true), vec![]),
            (anywhere("%", false), vec!["/Devs/100%"]),
            (anywhere("_", false), vec!["/Devs/dev_ops"]),
            (anywhere("\0", false), vec![]),
            (inside("Dev", false), vec!["/Devs/dev_ops"]),
            (inside("ops", false), vec![]),
            (inside("100%", true), vec!["/Devs/100%"]),
            (with(&[("k", "v")]), vec!["/Devs", "/other/redevelop"]),
            (with(&[("k", "v"), ("l", "x")]), vec!["/other/redevelop"]),
            (with(&[("k", "V")]), vec![]),
            (
                Search {
                    first: Some(1),
                    max: Some(1),
                    ..anywhere("dev", false)
                },
                vec!["/Devs/dev_ops"],
            ),
            (
                Search {
                    max: Some(0),
                    ..Search::default()
                },
                vec![],
            ),
        ] {
            assert_eq!(t.paths(search.clone()).await, expected, "{search:?}");
        }
    });
}

#[test]
fn a_path_is_read_with_slashes_in_names() {
    with_database(async |t| {
        t.insert_tree(json!([
            { "name": "a", "subGroups": [{ "name": "b" }, { "name": "b/c" }] },
            { "name": "a/b", "subGroups": [{ "name": "d" }] },
            { "name": "~" },
        ]))
        .await
        .unwrap();
        let paths = [
            "/a/b", "a", "/a/b/c/", "/a/b/d", "/~", "/A", "", "/", "//a", "\0", "/a/",
        ];
        let paths = paths.map(str::to_owned);
        let found = group::find_by_paths(&t.pool, t.realm.id, &paths)
            .await
            .unwrap();
        let mut read = Vec::new();
        for id in found {
            read.push(match id {
                Some(id) => {
                    let found = group::find(&t.pool, t.realm.id, id).await.unwrap().unwrap();
                    Some((found.name, found.parent_id.is_some()))
                }
                None => None,
            });
        }
        let is = |name: &str, below| Some((name.to_owned(), below));
        assert_eq!(
            read,
            [
                // The shorter name first: `b` in `a` and not `a/b`.
                is("b", true),
                is("a", false),
                is("b/c", true),
                is("d", true),
                is("~", false),
                None,
                None,
                None,
                None,
                None,
                is("a", false),
            ]
        );
        let long = "/x".repeat(5000);
        let found = group::find_by_path(&t.pool, t.realm.id, &long).await;
        assert_eq!(found.unwrap(), None);
    });
}

#[test]
fn a_tree_comes_out_as_it_went_in() {
    with_database(async |t| {
        let id = Uuid::new_v4();
        let tree = json!([
            {
                "id": id, "name": "a", "description": "d", "attributes": { "k": ["v"] }, "realmRoles": ["made", "spare"],
                "clientRoles": { "registry": ["push"] },
                "subGroups": [{ "name": "b", "subGroups": [{ "name": "c" }] }, { "name": "x/y" }],
            },
            { "name": "z", "id": "no uuid" },
        ]);
        let ids = t.insert_tree(tree.clone()).await.unwrap();
        assert_eq!((ids.len(), ids[0]), (2, id));
        let out = group::export_tree(&t.pool, t.realm.id).await.unwrap();
        let mut shown = json!(out);
        assert_eq!(shown[0]["subGroups"][0]["path"], "/a/b");
        assert_eq!(shown[0]["subGroups"][0]["parentId"], json!(id));
        fn bare(groups: &mut Value) {
            for group in groups.as_array_mut().unwrap() {
                let members = group.as_object_mut().unwrap();
                members.retain(|_, value| !matches!(value, Value::Array(list) if list.is_empty()));
                members.retain(|_, value| !matches!(value, Value::Object(map) if map.is_empty()));
                for derived in ["id", "path", "parentId"] {
                    members.remove(derived);
                }
                if let Some(below) = members.get_mut("subGroups") {
                    bare(below);
                }
            }
        }
        let mut given = tree;
        bare(&mut given);
        bare(&mut shown);
        assert_eq!(shown, given);

        let before = group::export_tree(&t.pool, t.realm.id).await.unwrap();
        for bad in [
            json!([{ "name": "z" }]),
            json!([{ "name": "new", "id": id }]),
            json!([{ "name": "p" }, { "name": "p" }]),
            json!([{ "name": "new", "subGroups": [{}] }]),
            json!([{ "name": "new", "clientRoles": { "nobody": ["x"] } }]),
            json!([{ "name": "new", "realmRoles": ["nul\0"] }]),
        ] {
            assert!(t.insert_tree(bad.clone()).await.is_err(), "{bad}");
        }
        let after = group::export_tree(&t.pool, t.realm.id).await.unwrap();
        assert_eq!(before, after);
    });
}

#[test]
fn nothing_of_another_realm_is_seen_or_joined() {
    with_database(async |t| {
        let alice = t.user("alice").await;
        let own = t.group(None, "g").await;
        let other = crate::realm(&t.pool, &t.sealer, "other", Uuid::new_v4()).await;
        let rep = rep(json!({ "name": "g" }));
        let foreign = group::create(&t.pool, other.id, None, &rep).await.unwrap();
        let realm = t.realm.id;
        assert_eq!(group::find(&t.pool, realm, foreign).await.unwrap(), None);
        let joined = group::join(&t.pool, realm, alice, &[foreign]).await;
        assert!(matches!(joined, Err(Error::Missing(_))));
        let below = group::create(&t.pool, realm, Some(foreign), &rep).await;
        assert!(matches!(below, Err(Error::Missing(_))));
        let moved = t.move_to(own, Some(foreign)).await;
        assert!(matches!(moved, Err(Error::Missing(_))));
        let mapped = mapping::add(&t.pool, other.id, Owner::Group(foreign), &[t.roles.spare]).await;
        assert!(matches!(mapped, Err(Error::Missing(_))));
        let by_path = group::find_by_path(&t.pool, realm, "g").await.unwrap();
        assert_eq!(by_path.unwrap().id, own);
    });
}
