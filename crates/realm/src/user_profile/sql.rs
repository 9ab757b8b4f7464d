//! The component that a realm's own profile is stored as.

use serde::Deserialize as _;
use serde_json::json;
use sqlx::{PgExecutor, types::Json};
use uuid::Uuid;

use super::{CONFIG, MAX_BYTES, PROVIDER, PROVIDER_ID, UserProfile};
use crate::component::{Component, ComponentRepresentation};
use crate::{Error, Realm, RealmRepresentation, Result};

/// Stores a realm's own profile, in place of the one it had; none: the default again.
///
/// # Errors
/// [`Error::Invalid`] when it does not serialise; from the database.
pub async fn store(
    db: &mut store::Connection,
    realm: &Realm,
    profile: Option<&UserProfile>,
) -> Result<()> {
    let Some(profile) = profile else {
        sqlx::query("delete from component where realm_id = $1 and provider_type = $2")
            .bind(realm.id)
            .bind(PROVIDER)
            .execute(db)
            .await?;
        return Ok(());
    };
    let component = component(Uuid::new_v4(), &realm.public_id, profile)?;
    // Two at once take turns at the realm's row.
    sqlx::query("select from realm where id = $1 for update")
        .bind(realm.id)
        .execute(&mut *db)
        .await?;
    let done =
        sqlx::query("update component set config = $3 where realm_id = $1 and provider_type = $2")
            .bind(realm.id)
            .bind(PROVIDER)
            .bind(Json(&component.config))
            .execute(&mut *db)
            .await?;
    if done.rows_affected() == 0 {
        insert(db, realm.id, &component).await?;
    }
    Ok(())
}

/// Gives the component of a realm's own profile the name and parent that `rep` gives, and the profile's text as it stands
/// there; its id.
///
/// # Errors
/// From the database, also when the realm has the default profile.
pub async fn describe(
    db: &mut store::Connection,
    realm: Uuid,
    rep: &ComponentRepresentation,
) -> Result<Uuid> {
    let id = sqlx::query_scalar(
        "update component set name = coalesce($3, name), parent_id = coalesce($4, parent_id), \
         config = coalesce($5, config) where realm_id = $1 and provider_type = $2 returning id",
    )
    .bind(realm)
    .bind(PROVIDER)
    .bind(&rep.name)
    .bind(&rep.parent_id)
    .bind(text_of(rep).map(|text| Json(json!({ CONFIG: [text] }))))
    .fetch_one(db)
    .await?;
    Ok(id)
}

/// The profile, as a component's config has it: JSON in a text; none where the config has none.
#[must_use]
pub fn text_of(rep: &ComponentRepresentation) -> Option<&str> {
    rep.config.as_ref()?.get(CONFIG)?.get(0)?.as_str()
}

/// Whether a component is a realm's profile.
#[must_use]
pub fn is_profile(provider_type: Option<&str>, provider_id: Option<&str>) -> bool {
    provider_type == Some(PROVIDER) && provider_id == Some(PROVIDER_ID)
}

pub(crate) async fn insert(
    db: impl PgExecutor<'_>,
    realm: Uuid,
    component: &Component,
) -> Result<()> {
    sqlx::query(
        "insert into component (realm_id, id, parent_id, name, provider_id, provider_type, config) \
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(realm)
    .bind(component.id)
    .bind(&component.parent_id)
    .bind(&component.name)
    .bind(&component.provider_id)
    .bind(&component.provider_type)
    .bind(Json(&component.config))
    .execute(db)
    .await?;
    Ok(())
}

/// The component of a profile. It has no name, as in Keycloak.
fn component(id: Uuid, parent: &str, profile: &UserProfile) -> Result<Component> {
    let text = serde_json::to_string(profile).map_err(|error| Error::Invalid(error.to_string()))?;
    let config = json!({ CONFIG: [text] });
    Ok(Component {
        id,
        parent_id: parent.to_owned(),
        name: String::new(),
        provider_id: PROVIDER_ID.to_owned(),
        provider_type: PROVIDER.to_owned(),
        sub_type: None,
        config: config.as_object().cloned().unwrap_or_default(),
    })
}

/// The profile of a component, as it is stored.
pub(crate) fn text(component: &Component) -> Option<String> {
    let text = component.config.get(CONFIG)?.get(0)?.as_str()?;
    Some(text.to_owned())
}

/// The profile among the components of a realm file.
pub(crate) fn of_file(rep: &RealmRepresentation, parent: &str) -> Result<Option<Component>> {
    let listed = rep
        .components
        .as_ref()
        .and_then(|components| components.get(PROVIDER)?.get(0));
    let Some(listed) = listed else {
        return Ok(None);
    };
    let unreadable = || Error::Invalid("unable to read contents from stream".to_owned());
    let rep = ComponentRepresentation::deserialize(listed).map_err(|_| unreadable())?;
    let Some(text) = rep
        .config
        .as_ref()
        .and_then(|config| config.get(CONFIG)?.get(0)?.as_str())
    else {
        return Ok(None);
    };
    if text.len() > MAX_BYTES {
        return Err(Error::Invalid(format!(
            "A user profile has at most {MAX_BYTES} bytes"
        )));
    }
    let profile: UserProfile = serde_json::from_str(text).map_err(|_| unreadable())?;
    let problems = profile.check(None);
    if !problems.is_empty() {
        return Err(Error::Invalid(format!("[{}]", problems.join(", "))));
    }
    let id = rep.id.and_then(|id| id.parse().ok());
    component(id.unwrap_or_else(Uuid::new_v4), parent, &profile).map(Some)
}
