//! Access rules: who may do what with which resources. Pure.

mod pattern;
mod text;
mod variable;
mod whom;

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use client::Mapper;
use serde::Serialize;
use user::subject::{Needs, Subject};
use uuid::Uuid;

use crate::mappers::{ACCESS_RULE, ALLOW_ALL};
use crate::scope::Access;
use pattern::{Pattern, is_name};
use variable::Values;
use whom::Whom;

pub(crate) use text::check;

/// All actions, as rules and scopes write it.
const ALL: &str = "*";
/// The actions on repositories, as they are listed.
const ACTIONS: [&str; 3] = ["pull", "push", "delete"];

/// The rules of a client, or of a client scope, taken apart once for every version of it.
#[derive(Debug, Default)]
pub(crate) struct Set {
    /// Grants everything to whoever has signed in.
    allow_all: Option<Arc<Decider>>,
    /// By the names of their mappers.
    rules: Vec<Rule>,
    /// The rules and their patterns, by the type that they are about and the literal parts that the pattern begins with.
    index: HashMap<String, Prefixes>,
    for_anonymous: bool,
    needs: Needs,
}

/// All rules of a client: its own, and those of the client scopes that it has.
#[derive(Debug)]
pub(crate) struct Rules(pub Vec<Arc<Set>>);

#[derive(Debug, Default)]
struct Prefixes {
    /// A rule, and one of its patterns.
    places: HashMap<String, Vec<(usize, usize)>>,
    /// The bytes of the longest.
    longest: usize,
}

/// The mapper that decided. They are in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decider {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
}

impl Ord for Decider {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.name, self.id).cmp(&(&other.name, other.id))
    }
}

impl PartialOrd for Decider {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Debug)]
struct Rule {
    decider: Arc<Decider>,
    whom: Vec<Whom>,
    patterns: Vec<Pattern>,
    /// Resource types.
    types: Vec<String>,
    actions: Vec<String>,
}

/// An action that was asked for, or that `*` stands for.
#[derive(Debug, PartialEq)]
pub(crate) struct Decision {
    /// Which of the items asked for.
    pub item: usize,
    pub action: String,
    /// The first mapper by name that grants it; none where nothing does.
    pub by: Option<Arc<Decider>>,
}

impl Set {
    /// Of docker-v2 mappers. One that cannot be read grants nothing; nobody can write such a one.
    pub(crate) fn compile<'a>(mappers: impl Iterator<Item = &'a Mapper>) -> Self {
        let mut compiled = Self::default();
        for mapper in mappers {
            let decider = Arc::new(Decider {
                name: mapper.name.clone(),
                id: mapper.id,
            });
            match mapper.protocol_mapper.as_str() {
                ALLOW_ALL => {
                    let first = compiled.allow_all.take().into_iter().chain([decider]).min();
                    compiled.allow_all = first;
                }
                ACCESS_RULE => match text::read(&mapper.config) {
                    Ok((whom, patterns, types, actions)) => compiled.rules.push(Rule {
                        decider,
                        whom,
                        patterns,
                        types,
                        actions,
                    }),
                    Err(error) => {
                        tracing::warn!(mapper = %mapper.id, %error, "an access rule cannot be read");
                    }
                },
                _ => {}
            }
        }
        compiled
            .rules
            .sort_unstable_by(|a, b| a.decider.cmp(&b.decider));
        for (at, rule) in compiled.rules.iter().enumerate() {
            for whom in &rule.whom {
                match whom {
                    Whom::Anonymous => compiled.for_anonymous = true,
                    Whom::Group(_) => compiled.needs.groups = true,
                    Whom::RealmRole(_) | Whom::ClientRole(_) => compiled.needs.roles = true,
                    Whom::Authenticated | Whom::User(_) => {}
                }
            }
            for kind in &rule.types {
                let prefixes = compiled.index.entry(kind.clone()).or_default();
                for (number, pattern) in rule.patterns.iter().enumerate() {
                    compiled.needs.groups |= pattern.varies_by_group();
                    let prefix = pattern.prefix();
                    prefixes.longest = prefixes.longest.max(prefix.len());
                    let places = prefixes.places.entry(prefix.to_owned()).or_default();
                    places.push((at, number));
                }
            }
        }
        compiled
    }

    /// The rules, and their patterns, that begin as a name does: all that have to be looked at.
    fn candidates<'a>(&'a self, asked: &'a Access) -> impl Iterator<Item = (usize, usize)> + 'a {
        let name = asked.name.as_str();
        let prefixes = self.index.get(&asked.kind).filter(|_| is_name(name));
        let slashes = name.match_indices('/').map(|(at, _)| at);
        let ends = [0].into_iter().chain(slashes.filter(|at| *at > 0));
        let ends = ends.chain([name.len()]);
        prefixes.into_iter().flat_map(move |prefixes| {
            let ends = ends.clone().take_while(|end| *end <= prefixes.longest);
            let places = ends.filter_map(|end| prefixes.places.get(&name[..end]));
            places.flatten().copied()
        })
    }

    /// The rules that are for `who` and about what is asked for, by the names of their mappers.
    fn matching(&self, who: Option<&Subject>, asked: &Access) -> Vec<&Rule> {
        let candidates = self.candidates(asked).filter(|(rule, pattern)| {
            let rule = &self.rules[*rule];
            rule.is_about(&rule.patterns[*pattern], who, &asked.name)
        });
        let mut found: Vec<usize> = candidates.map(|(rule, _)| rule).collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|rule| &self.rules[rule]).collect()
    }
}

impl Rules {
    /// What is granted of `asked`: the actions in the order asked; an item of which nothing is granted is left out.
    pub(crate) fn granted(asked: &[Access], decisions: &[Decision]) -> Vec<Access> {
        let mut granted: Vec<(usize, Access)> = Vec::new();
        for decision in decisions.iter().filter(|decision| decision.by.is_some()) {
            match granted
                .last_mut()
                .filter(|(item, _)| *item == decision.item)
            {
                Some((_, access)) => access.actions.push(decision.action.clone()),
                None => granted.push((
                    decision.item,
                    Access {
                        actions: vec![decision.action.clone()],
                        ..asked[decision.item].clone()
                    },
                )),
            }
        }
        granted.into_iter().map(|(_, access)| access).collect()
    }

    fn allow_all(&self) -> Option<&Arc<Decider>> {
        let all = self.0.iter().filter_map(|set| set.allow_all.as_ref());
        all.min()
    }

    /// Whether everything is granted to whoever has signed in.
    pub(crate) fn allows_all(&self) -> bool {
        self.allow_all().is_some()
    }

    /// Whether there is something for who has not signed in.
    pub(crate) fn for_anonymous(&self) -> bool {
        self.0.iter().any(|set| set.for_anonymous)
    }

    /// What of a user the rules ask for; nothing where all is granted anyway.
    pub(crate) fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        if !self.allows_all() {
            for set in &self.0 {
                needs.groups |= set.needs.groups;
                needs.roles |= set.needs.roles;
            }
        }
        needs
    }

    /// What `who`, None without a sign-in, may do of what is asked. `*` is every action that is granted, each by its name
    /// where no rule says `*` itself.
    pub(crate) fn decide(&self, who: Option<&Subject>, asked: &[Access]) -> Vec<Decision> {
        let mut decisions = Vec::new();
        let allow_all = self.allow_all().filter(|_| who.is_some());
        for (item, access) in asked.iter().enumerate() {
            let rules = match allow_all {
                Some(_) => Vec::new(),
                None => self.matching(who, access),
            };
            let by = |action: &str| {
                let rule = rules.iter().find(|rule| rule.grants(action));
                allow_all.or(rule.map(|rule| &rule.decider)).cloned()
            };
            let mut add = |action: &str, by: Option<Arc<Decider>>| {
                let known = |known: &Decision| known.item == item && known.action == action;
                if !decisions.iter().any(known) {
                    let action = action.to_owned();
                    decisions.push(Decision { item, action, by });
                }
            };
            for action in &access.actions {
                let decider = by(action);
                if action == ALL && decider.is_none() {
                    for (action, by) in named(&rules) {
                        add(action, Some(by));
                    }
                }
                add(action, decider);
            }
        }
        decisions
    }

    fn matching(&self, who: Option<&Subject>, asked: &Access) -> Vec<&Rule> {
        let sets = self.0.iter();
        let mut rules: Vec<&Rule> = sets.flat_map(|set| set.matching(who, asked)).collect();
        rules.sort_by(|a, b| a.decider.cmp(&b.decider));
        rules
    }
}

/// The actions that rules grant by name, each with the first that does.
fn named<'a>(rules: &[&'a Rule]) -> Vec<(&'a str, Arc<Decider>)> {
    let mut named: BTreeMap<(usize, &str), Arc<Decider>> = BTreeMap::new();
    for rule in rules {
        for action in &rule.actions {
            let place = ACTIONS.iter().position(|known| known == action);
            named
                .entry((place.unwrap_or(ACTIONS.len()), action))
                .or_insert_with(|| Arc::clone(&rule.decider));
        }
    }
    let named = named.into_iter();
    named.map(|((_, action), by)| (action, by)).collect()
}

impl Rule {
    fn grants(&self, action: &str) -> bool {
        let mut actions = self.actions.iter();
        actions.any(|known| known == action || known == ALL)
    }

    fn is_about(&self, pattern: &Pattern, who: Option<&Subject>, name: &str) -> bool {
        let is_for = || self.whom.iter().any(|whom| whom.includes(who));
        if !pattern.varies() {
            return pattern.matches(name, &Values::default()) && is_for();
        }
        let Some(who) = who.filter(|_| is_for()) else {
            return false;
        };
        let email = who.verified_email.as_deref();
        let values = Values {
            username: Some(&who.username),
            domain: email.and_then(|email| Some(email.rsplit_once('@')?.1)),
            group: None,
        };
        if !pattern.varies_by_group() {
            return pattern.matches(name, &values);
        }
        // Who is meant only as a member of a group is so with the groups at or below that one.
        let any_group = self
            .whom
            .iter()
            .any(|whom| !matches!(whom, Whom::Group(_)) && whom.includes(Some(who)));
        who.groups.iter().any(|group| {
            let of_rule = || {
                self.whom
                    .iter()
                    .any(|whom| matches!(whom, Whom::Group(path) if lies_within(group, path)))
            };
            let group = Some(group.as_slice());
            (any_group || of_rule()) && pattern.matches(name, &Values { group, ..values })
        })
    }
}

/// Whether a group, the names from the top down, is the one with this path or lies below it.
fn lies_within(group: &[String], path: &str) -> bool {
    let mut rest = path;
    for name in group {
        let after = rest
            .strip_prefix('/')
            .and_then(|rest| rest.strip_prefix(name.as_str()));
        match after {
            Some("") => return true,
            Some(after) => rest = after,
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests;
