//! The fields of a user's own profile, as the realm's user profile describes them.

use realm::Realm;
use realm::user_profile::{Attribute, Permissions};
use serde_json::{Map, Value};
use user::{FieldError, User};

use super::Message;

/// Choices that a field offers at most, and inputs that it has.
const MAX_SHOWN: usize = 500;

/// How a field is entered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One line; several where the attribute has several values.
    #[default]
    Line,
    Text,
    Select,
    Multiselect,
    Radios,
    Checkboxes,
}

/// One field.
#[derive(Debug, Default)]
pub(crate) struct Field {
    pub name: String,
    pub label: Message,
    pub kind: Kind,
    /// The `type` of the input.
    pub input: String,
    /// At least one; empty where the user has none.
    pub values: Vec<String>,
    /// Value and label of each choice.
    pub options: Vec<(String, Message)>,
    pub required: bool,
    pub read_only: bool,
    pub autocomplete: &'static str,
    /// Further attributes of the input: `placeholder`, `pattern`, `maxlength` …
    pub more: Vec<(&'static str, String)>,
    /// Words before and after the input.
    pub help: Vec<Message>,
    pub error: Option<Message>,
    /// Header and description of the group that begins here.
    pub group: Option<(Message, Option<Message>)>,
}

impl Field {
    /// Whether a choice is taken.
    pub(crate) fn has(&self, value: &str) -> bool {
        self.values.iter().any(|known| known == value)
    }

    /// The id of an input; labels and errors are tied to the first.
    pub(crate) fn id(&self, place: &usize) -> String {
        match place {
            0 => self.name.clone(),
            more => format!("{}-{more}", self.name),
        }
    }

    pub(crate) fn is_choice(&self) -> bool {
        matches!(self.kind, Kind::Radios | Kind::Checkboxes)
    }

    pub(crate) fn choice_type(&self) -> &'static str {
        match self.kind {
            Kind::Radios => "radio",
            _ => "checkbox",
        }
    }

    pub(crate) fn is_select(&self) -> bool {
        matches!(self.kind, Kind::Select | Kind::Multiselect)
    }

    pub(crate) fn is_multiple(&self) -> bool {
        self.kind == Kind::Multiselect
    }

    pub(crate) fn is_text(&self) -> bool {
        self.kind == Kind::Text
    }

    /// The ids of what describes the field.
    pub(crate) fn described(&self) -> String {
        let mut ids = vec![];
        if self.error.is_some() {
            ids.push(format!("input-error-{}", self.name));
        }
        if !self.help.is_empty() {
            ids.push(format!("help-{}", self.name));
        }
        ids.join(" ")
    }
}

fn may(attribute: &Attribute, right: impl Fn(&Permissions) -> &Vec<String>) -> bool {
    let words = attribute.permissions.as_ref().map(right);
    words.is_some_and(|words| words.iter().any(|word| word == "user"))
}

/// Whether users see this attribute of theirs.
pub(crate) fn user_views(attribute: &Attribute) -> bool {
    may(attribute, |permissions| &permissions.view)
        || may(attribute, |permissions| &permissions.edit)
}

/// The fields that a user sees of their profile. `entered`: what a form sent that is shown again; `errors`: what is
/// wrong with it. A name that is not theirs to change is left out, as in Keycloak.
pub(crate) fn profile_fields(
    realm: &Realm,
    user: &User,
    entered: Option<&[(String, String)]>,
    errors: &[FieldError],
) -> Vec<Field> {
    let mut group = None;
    let mut fields = vec![];
    for attribute in realm.user_profile.attributes.iter().flatten() {
        let name = attribute.name();
        let edits = user::may_edit(realm, attribute);
        let scoped = attribute.selector.as_ref().and_then(|s| s.scopes.as_ref());
        if !user_views(attribute)
            || name == "username" && !edits
            || scoped.is_some_and(|scopes| !scopes.is_empty())
        {
            continue;
        }
        let mut field = field(attribute, edits, values(user, name));
        if let (Some(entered), true) = (entered, edits) {
            let of_name = entered.iter().filter(|(known, _)| known == name);
            field.values = of_name
                .map(|(_, value)| value.clone())
                .take(MAX_SHOWN)
                .collect();
        }
        if field.values.is_empty() {
            field.values = vec![attribute.default_value.clone().unwrap_or_default()];
        }
        let error = errors.iter().find(|error| error.field == name);
        field.error = error.map(Message::of_field);
        if attribute.group != group {
            group.clone_from(&attribute.group);
            field.group = group.as_deref().map(|name| heading(realm, name));
        }
        fields.push(field);
    }
    fields
}

fn values(user: &User, name: &str) -> Vec<String> {
    let column = |text: Option<&String>| text.cloned().into_iter().collect();
    match name {
        "username" => vec![user.username.clone()],
        "email" => column(user.email.as_ref()),
        "firstName" => column(user.first_name.as_ref()),
        "lastName" => column(user.last_name.as_ref()),
        name => user.attribute_lists().remove(name).unwrap_or_default(),
    }
}

fn heading(realm: &Realm, name: &str) -> (Message, Option<Message>) {
    let mut groups = realm.user_profile.groups.iter();
    let group = groups.find(|group| group.name.as_deref() == Some(name));
    let text = |text: &Option<String>| {
        text.as_deref()
            .filter(|text| !text.is_empty())
            .map(Message::resource)
    };
    let header = group.and_then(|group| text(&group.display_header));
    let description = group.and_then(|group| text(&group.display_description));
    (header.unwrap_or_else(|| Message::text(name)), description)
}

fn field(attribute: &Attribute, edits: bool, values: Vec<String>) -> Field {
    let empty = Map::new();
    let annotations = attribute.annotations.as_ref().unwrap_or(&empty);
    let annotation = |name: &str| match annotations.get(name)? {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        value @ (Value::Number(_) | Value::Bool(_)) => Some(value.to_string()),
        _ => None,
    };
    let name = attribute.name();
    let kind = annotation("inputType").unwrap_or_default();
    let more = [
        ("placeholder", "inputTypePlaceholder"),
        ("pattern", "inputTypePattern"),
        ("size", "inputTypeSize"),
        ("maxlength", "inputTypeMaxlength"),
        ("minlength", "inputTypeMinlength"),
        ("max", "inputTypeMax"),
        ("min", "inputTypeMin"),
        ("step", "inputTypeStep"),
    ];
    let more = more
        .into_iter()
        .filter_map(|(html, name)| Some((html, annotation(name)?)));
    let help = ["inputHelperTextBefore", "inputHelperTextAfter"];
    let label = attribute
        .display_name
        .as_deref()
        .filter(|text| !text.is_empty());
    Field {
        name: name.to_owned(),
        label: label.map_or_else(|| Message::text(name), Message::resource),
        input: input(&kind).to_owned(),
        kind: match kind.as_str() {
            "textarea" => Kind::Text,
            "select" => Kind::Select,
            "multiselect" => Kind::Multiselect,
            "select-radiobuttons" => Kind::Radios,
            "multiselect-checkboxes" => Kind::Checkboxes,
            _ => Kind::Line,
        },
        values,
        options: options(attribute, annotations),
        required: name == "username" || attribute.is_required("user"),
        read_only: !edits,
        autocomplete: match name {
            "username" => "username",
            "email" => "email",
            "firstName" => "given-name",
            "lastName" => "family-name",
            _ => "on",
        },
        more: more.collect(),
        help: help
            .into_iter()
            .filter_map(|name| annotation(name).as_deref().map(Message::resource))
            .collect(),
        error: None,
        group: None,
    }
}

/// The `type` of an input; those that work without a script.
fn input(kind: &str) -> &str {
    match kind.strip_prefix("html5-").unwrap_or_default() {
        known @ ("email" | "tel" | "url" | "number" | "date" | "month" | "week" | "time"
        | "range") => known,
        "datetime-local" => "datetime-local",
        _ => "text",
    }
}

/// The values of the validator `options`, or of the one that an annotation names.
fn options(attribute: &Attribute, annotations: &Map<String, Value>) -> Vec<(String, Message)> {
    let text = |name: &str| annotations.get(name).and_then(Value::as_str);
    let validator = text("inputOptionsFromValidation").unwrap_or("options");
    let config = attribute
        .validations
        .as_ref()
        .and_then(|all| all.get(validator));
    let values = config.and_then(|config| config.get("options")?.as_array());
    let labels = annotations
        .get("inputOptionLabels")
        .and_then(Value::as_object);
    let prefix = text("inputOptionLabelsI18nPrefix");
    let values = values.into_iter().flatten().filter_map(Value::as_str);
    values
        .take(MAX_SHOWN)
        .map(|value| {
            let label = labels.and_then(|labels| labels.get(value)?.as_str());
            let label = match (label, prefix) {
                (Some(label), _) => Message::resource(label),
                (None, Some(prefix)) => Message::Key(format!("{prefix}.{value}"), vec![]),
                (None, None) => Message::text(value),
            };
            (value.to_owned(), label)
        })
        .collect()
}
