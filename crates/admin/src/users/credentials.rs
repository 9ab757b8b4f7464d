//! A user's credentials. None of these answers holds a secret.

use std::future::Future;
use std::pin::Pin;

use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, HttpResponse, dev::Payload, web};
use protocol::HttpError;
use protocol::body::{self, JsonBytes, parse};
use protocol::provision::write_error;
use user::{CredentialRepresentation, credential};
use uuid::Uuid;

use super::{UserPath, managed, viewed};
use crate::Admin;

/// Bytes of a label; more is refused unread. What a label may be is for `user::credential` to say.
const MAX_LABEL: usize = 4096;

type CredentialPath = web::Path<(String, String, String)>;

fn not_found() -> HttpError {
    HttpError::plain(404, "Credential not found")
}

pub(crate) async fn reset_password(
    admin: Admin,
    path: UserPath,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    let found = managed(&admin, &path.1).await?;
    let rep: CredentialRepresentation =
        parse(&body.0).map_err(|error| error.into_http("CredentialRepresentation"))?;
    let state = admin.state();
    let password =
        credential::new_password(&admin.realm, &found.username, found.email.as_deref(), &rep)
            .map_err(write_error)?;
    credential::check_history(&state.pool, &state.hasher, &admin.realm, found.id, password)
        .await
        .map_err(write_error)?;
    // Hashed before the transaction opens: no connection waits for that.
    let hash = state.hasher.hash(password).await?;
    let temporary = rep.temporary.unwrap_or(false);
    let mut transaction = state.pool.begin().await.map_err(store::Error::from)?;
    if !credential::set_password(&mut transaction, &admin.realm, found.id, &hash, temporary).await?
    {
        return Err(super::not_found());
    }
    user::auth_session::end_all_of_user(&mut *transaction, admin.realm.id, found.id).await?;
    transaction.commit().await.map_err(store::Error::from)?;
    Ok(HttpResponse::NoContent().finish())
}

pub(crate) async fn list(admin: Admin, path: UserPath) -> Result<HttpResponse, HttpError> {
    let found = viewed(&admin, &path.1).await?;
    let credentials = credential::list(admin.db(), admin.realm.id, found.id).await?;
    Ok(HttpResponse::Ok().json(
        credentials
            .iter()
            .map(credential::Credential::to_rep)
            .collect::<Vec<_>>(),
    ))
}

/// The user and credential of a path, to be changed.
async fn named(admin: &Admin, path: &CredentialPath) -> Result<(Uuid, Uuid), HttpError> {
    let found = managed(admin, &path.1).await?;
    Ok((found.id, path.2.parse().map_err(|_| not_found())?))
}

fn done(there: bool) -> Result<HttpResponse, HttpError> {
    if there {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(not_found())
    }
}

pub(crate) async fn delete(admin: Admin, path: CredentialPath) -> Result<HttpResponse, HttpError> {
    let (owner, id) = named(&admin, &path).await?;
    done(credential::delete(admin.db(), admin.realm.id, owner, id).await?)
}

pub(crate) async fn label(
    admin: Admin,
    path: CredentialPath,
    label: Label,
) -> Result<HttpResponse, HttpError> {
    let (owner, id) = named(&admin, &path).await?;
    done(credential::label(admin.db(), admin.realm.id, owner, id, &label.0).await?)
}

pub(crate) async fn move_to_first(
    admin: Admin,
    path: CredentialPath,
) -> Result<HttpResponse, HttpError> {
    let (owner, id) = named(&admin, &path).await?;
    done(credential::move_to_first(admin.db(), admin.realm.id, owner, id).await?)
}

/// An unknown `previous` moves nothing, which is well in Keycloak.
pub(crate) async fn move_after(
    admin: Admin,
    path: web::Path<(String, String, String, String)>,
) -> Result<HttpResponse, HttpError> {
    let found = managed(&admin, &path.1).await?;
    let id: Uuid = path.2.parse().map_err(|_| not_found())?;
    let previous: Uuid = path.3.parse().unwrap_or_default();
    done(credential::move_after(admin.db(), admin.realm.id, found.id, id, previous).await?)
}

/// Takes the types and changes nothing: as `disableableCredentialTypes` says, none can be disabled. Keycloak answers
/// the same for users that it stores itself.
pub(crate) async fn disable_types(
    admin: Admin,
    path: UserPath,
    body: JsonBytes,
) -> Result<HttpResponse, HttpError> {
    managed(&admin, &path.1).await?;
    let _: Vec<String> = parse(&body.0).map_err(|error| error.into_http("String"))?;
    Ok(HttpResponse::NoContent().finish())
}

/// A body of plain text, at most [`MAX_LABEL`] bytes. Errors: 413, 415, 400 when it is no UTF-8.
pub(crate) struct Label(String);

impl FromRequest for Label {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, HttpError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let headers = request.headers();
        let kind = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("text/plain");
        let plain = kind
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .eq_ignore_ascii_case("text/plain");
        let encoded = headers
            .get(header::CONTENT_ENCODING)
            .is_some_and(|value| value != "identity");
        let bytes = body::read(request, payload, MAX_LABEL);
        Box::pin(async move {
            if !plain || encoded {
                let text = "The content-type header value did not match the value in @Consumes";
                return Err(HttpError::plain(415, text));
            }
            let text = String::from_utf8(bytes.await?.to_vec());
            text.map(Self)
                .map_err(|_| HttpError::plain(400, "The body is not UTF-8"))
        })
    }
}
