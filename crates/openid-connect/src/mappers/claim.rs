//! A claim by its name, and a text as the value of one.

use serde_json::{Map, Value, json};

/// Splits a claim's name at its dots; `\.` is a dot in a name.
pub(super) fn path(name: &str) -> Vec<String> {
    let mut path = vec![String::new()];
    let mut rest = name.chars();
    while let Some(c) = rest.next() {
        match (c, path.last_mut()) {
            ('.', _) => path.push(String::new()),
            ('\\', Some(last)) => last.extend(rest.next()),
            (c, Some(last)) => last.push(c),
            (_, None) => {}
        }
    }
    path
}

/// Sets a claim inside others; a list joins one that is there.
pub(super) fn set(claims: &mut Map<String, Value>, path: &[String], value: Value) {
    let Some((name, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() {
        match (claims.get_mut(name), value) {
            (Some(Value::Array(known)), Value::Array(added)) => {
                for value in added {
                    if !known.contains(&value) {
                        known.push(value);
                    }
                }
            }
            (_, value) => drop(claims.insert(name.clone(), value)),
        }
        return;
    }
    let inner = claims.entry(name.clone()).or_insert_with(|| json!({}));
    if let Value::Object(inner) = inner {
        set(inner, rest, value);
    }
}

/// A text as the kind that `jsonType.label` names; none when it is not one.
pub(super) fn typed(value: Value, kind: Option<&str>) -> Option<Value> {
    let Value::String(text) = &value else {
        return Some(value);
    };
    match kind {
        Some("boolean") => Some(json!(text.eq_ignore_ascii_case("true"))),
        Some("int" | "long") => text.parse::<i64>().ok().map(|number| json!(number)),
        Some("JSON") => serde_json::from_str(text).ok(),
        _ => Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_lies_inside_others_by_the_dots_of_its_name() {
        let mut claims = Map::new();
        set(&mut claims, &path("a.b.c"), json!(1));
        set(&mut claims, &path("a.b.d\\.e"), json!({ "x": 1 }));
        set(&mut claims, &path("a.b.c.f"), json!(2));
        assert_eq!(
            json!(claims),
            json!({ "a": { "b": { "c": 1, "d.e": { "x": 1 } } } })
        );
    }

    #[test]
    fn a_list_joins_the_one_that_is_there() {
        let mut claims = Map::new();
        set(&mut claims, &path("r"), json!(["a", "b"]));
        set(&mut claims, &path("r"), json!(["b", "c"]));
        set(&mut claims, &path("s"), json!("x"));
        set(&mut claims, &path("s"), json!(["y"]));
        assert_eq!(json!(claims), json!({ "r": ["a", "b", "c"], "s": ["y"] }));
    }

    #[test]
    fn a_value_that_is_not_of_its_kind_is_left_out() {
        for (text, kind, value) in [
            ("true", "boolean", Some(json!(true))),
            ("x", "boolean", Some(json!(false))),
            ("7", "int", Some(json!(7))),
            ("x", "long", None),
            ("{\"a\":1}", "JSON", Some(json!({ "a": 1 }))),
            ("{", "JSON", None),
            ("x", "String", Some(json!("x"))),
        ] {
            assert_eq!(typed(json!(text), Some(kind)), value, "{text} {kind}");
        }
    }
}
