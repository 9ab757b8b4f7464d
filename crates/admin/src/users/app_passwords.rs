//! App passwords of a user. They are listed, named and deleted as credentials.

use actix_web::HttpResponse;
use protocol::HttpError;
use protocol::body::{JsonBytes, parse};
use protocol::provision::write_error;
use user::app_password::{self, AppPasswordRepresentation};

use super::{UserPath, managed, not_found};
use crate::{Admin, created_at};

/// Makes one, and tells what it is this once.
pub(crate) async fn create(
    admin: Admin,
    path: UserPath,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    let found = managed(&admin, &path.1).await?;
    let asked: AppPasswordRepresentation =
        parse(&body.0).map_err(|error| error.into_http("AppPasswordRepresentation"))?;
    let state = admin.state();
    let mut transaction = state.pool.begin().await.map_err(store::Error::from)?;
    let made = app_password::create(
        &mut transaction,
        &state.sealer,
        &admin.realm,
        found.id,
        &asked,
    )
    .await
    .map_err(write_error)?
    .ok_or_else(not_found)?;
    transaction.commit().await.map_err(store::Error::from)?;
    let id = made.id.as_deref().unwrap_or_default();
    admin.note(|note| {
        let mut told = made.clone();
        told.value = None;
        note.path = Some(format!("users/{}/app-passwords/{id}", found.id));
        note.representation = serde_json::to_value(told).ok();
    });
    let place = format!("users/{}/credentials/{id}", found.id);
    Ok(created_at(&admin, &place).json(made))
}
