//! `/admin/openapi.json`: the admin API in OpenAPI, made from the representations' own types and the table of operations.

mod operations;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use actix_web::HttpResponse;
use actix_web::http::header;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem, PathItemBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, HeaderBuilder, Info, OpenApi, OpenApiBuilder, PathsBuilder, Ref,
    RefOr, Required, Response, ResponseBuilder, Schema,
};
use utoipa::{PartialSchema, ToSchema};

use operations::{Kind, OPERATIONS, Operation};

/// `GET /admin/openapi.json`: the same for everybody, so it asks for no token.
pub(crate) async fn get() -> HttpResponse {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| document().to_json().unwrap_or_default());
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .body(text.as_str())
}

/// The operations of the document: method, and path below `/admin/realms/{realm}` or `/admin`, as in [`crate::routes`].
#[must_use]
pub fn operations() -> Vec<(&'static str, &'static str)> {
    OPERATIONS.iter().map(Operation::route).collect()
}

/// The whole document.
#[must_use]
pub fn document() -> OpenApi {
    let mut paths: BTreeMap<String, PathItem> = BTreeMap::new();
    for operation in OPERATIONS {
        let path = full_path(operation.route().1);
        let item = PathItemBuilder::new()
            .operation(method(operation), describe(operation))
            .build();
        match paths.get_mut(&path) {
            Some(known) => known.merge_operations(item),
            None => drop(paths.insert(path, item)),
        }
    }
    let paths = paths
        .into_iter()
        .fold(PathsBuilder::new(), |paths, (path, item)| {
            paths.path(path, item)
        });
    let mut info = Info::new("realmkeep admin API", env!("CARGO_PKG_VERSION"));
    info.description = Some("The admin REST API of Keycloak, as far as it exists here.".to_owned());
    OpenApiBuilder::new()
        .info(info)
        .paths(paths.build())
        .components(Some(components()))
        .security(Some([SecurityRequirement::new(BEARER, [] as [&str; 0])]))
        .build()
}

const BEARER: &str = "bearer";

fn components() -> utoipa::openapi::Components {
    fn with<T: ToSchema>(components: ComponentsBuilder) -> ComponentsBuilder {
        let mut below = Vec::new();
        T::schemas(&mut below);
        components
            .schema(T::name(), <T as PartialSchema>::schema())
            .schemas_from_iter(below)
    }
    let components = ComponentsBuilder::new().security_scheme(
        BEARER,
        SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
    );
    operations::with_types!(with, components)
        .schema("Error", error())
        .response("Error", {
            ResponseBuilder::new()
                .description("Refused; the text says why.")
                .content("application/json", Content::new(Some(reference("Error"))))
        })
        .build()
}

/// The shapes in which Keycloak's admin API refuses.
fn error() -> Schema {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    ObjectBuilder::new()
        .property("error", text())
        .property("error_description", text())
        .property("errorMessage", text())
        .property("field", text())
        .property("params", ArrayBuilder::new().items(any()))
        .property("errors", ArrayBuilder::new().items(any()))
        .into()
}

fn any() -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(SchemaType::AnyValue)
        .into()
}

fn reference(name: &str) -> RefOr<Schema> {
    Ref::from_schema_name(name).into()
}

/// The path as the document says it: actix's patterns without their regular expressions.
fn full_path(path: &str) -> String {
    let path = &path.replace(":.*}", "}");
    if crate::OUTSIDE_REALMS.contains(&path.as_str()) {
        format!("/admin{path}")
    } else {
        format!("/admin/realms/{{realm}}{path}")
    }
}

fn method(operation: &Operation) -> HttpMethod {
    match operation.route().0 {
        "POST" => HttpMethod::Post,
        "PUT" => HttpMethod::Put,
        "DELETE" => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn describe(operation: &Operation) -> utoipa::openapi::path::Operation {
    let (name, path) = operation.route();
    let full = full_path(path);
    let mut described = OperationBuilder::new()
        .tag(tag(path))
        .operation_id(Some(format!("{} {full}", name.to_lowercase())));
    for part in full.split('/').filter_map(|part| {
        part.strip_prefix('{')
            .and_then(|part| part.strip_suffix('}'))
    }) {
        described = described.parameter(
            ParameterBuilder::new()
                .name(part)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(ObjectBuilder::new().schema_type(Type::String))),
        );
    }
    for part in operation.query.split(' ').filter(|part| !part.is_empty()) {
        let kind = match part {
            "first" | "max" => Type::Integer,
            _ => Type::String,
        };
        described = described.parameter(
            ParameterBuilder::new()
                .name(part)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .schema(Some(ObjectBuilder::new().schema_type(kind))),
        );
    }
    if let Some((media, schema)) = content(operation.body) {
        described = described.request_body(Some(
            RequestBodyBuilder::new()
                .content(media, Content::new(Some(schema)))
                .required(Some(Required::True))
                .build(),
        ));
    }
    let (status, answer) = answer(operation);
    described = described.response(status, answer);
    for status in ["4XX", "501", "503"] {
        described = described.response(
            status,
            RefOr::<Response>::Ref(Ref::from_response_name("Error")),
        );
    }
    described.build()
}

/// The area, from the first part of the path.
fn tag(path: &str) -> &str {
    match path.trim_start_matches('/').split('/').next() {
        None | Some("") => "realm",
        Some(area) => area,
    }
}

fn content(kind: Kind) -> Option<(&'static str, RefOr<Schema>)> {
    let json = |schema: RefOr<Schema>| Some(("application/json", schema));
    match kind {
        Kind::Nothing | Kind::Created => None,
        Kind::One(name) | Kind::CreatedWith(name) => json(reference(name)),
        Kind::Many(name) => json(ArrayBuilder::new().items(reference(name)).into()),
        Kind::Texts => json(
            ArrayBuilder::new()
                .items(ObjectBuilder::new().schema_type(Type::String))
                .into(),
        ),
        Kind::List => json(ArrayBuilder::new().items(any()).into()),
        Kind::Number => json(ObjectBuilder::new().schema_type(Type::Integer).into()),
        Kind::Any => json(any()),
        Kind::Plain => Some((
            "text/plain",
            ObjectBuilder::new().schema_type(Type::String).into(),
        )),
        Kind::Form => Some(("multipart/form-data", any())),
        Kind::File => Some(("*/*", any())),
    }
}

fn answer(operation: &Operation) -> (&'static str, ResponseBuilder) {
    let response = ResponseBuilder::new();
    match operation.answer {
        Kind::Nothing => ("204", response.description("Done.")),
        Kind::Created | Kind::CreatedWith(_) => {
            let mut response = response
                .description("Made; Location says where it is.")
                .header(
                    "Location",
                    HeaderBuilder::new()
                        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
                        .build(),
                );
            if let Some((media, schema)) = content(operation.answer) {
                response = response.content(media, Content::new(Some(schema)));
            }
            ("201", response)
        }
        kind => {
            let mut response = response.description("The answer.");
            if let Some((media, schema)) = content(kind) {
                response = response.content(media, Content::new(Some(schema)));
            }
            ("200", response)
        }
    }
}
