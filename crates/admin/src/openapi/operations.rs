//! The table of operations: what each takes and gives. Longer than other files are: one line an operation.

use Kind::{Any, Created, CreatedWith, File, Form, List, Many, Nothing, Number, One, Plain, Texts};

/// What a body is.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// There is none; as an answer it is 204.
    Nothing,
    /// 201 with `Location` and no body.
    Created,
    /// 201 with `Location` and the new thing.
    CreatedWith(&'static str),
    /// A schema of the document.
    One(&'static str),
    /// A list of them.
    Many(&'static str),
    /// A list of texts.
    Texts,
    /// A bare number.
    Number,
    /// A list of JSON whose shape is Keycloak's own and described nowhere.
    List,
    /// JSON of a shape that is Keycloak's own and described nowhere.
    Any,
    /// `text/plain`.
    Plain,
    /// A file of whatever kind.
    File,
    /// A form with a file in it.
    Form,
}

/// An operation: its route as [`crate::routes`] names it, the query parameters that it reads, its body and its answer.
pub(super) struct Operation {
    method: &'static str,
    path: &'static str,
    pub(super) query: &'static str,
    pub(super) body: Kind,
    pub(super) answer: Kind,
}

impl Operation {
    /// With these query parameters.
    const fn reads(self, query: &'static str) -> Self {
        Self { query, ..self }
    }

    /// With another answer than 204.
    const fn answers(self, answer: Kind) -> Self {
        Self { answer, ..self }
    }

    pub(super) fn route(&self) -> (&'static str, &'static str) {
        (self.method, self.path)
    }
}

const fn get(path: &'static str, query: &'static str, answer: Kind) -> Operation {
    Operation {
        method: "GET",
        path,
        query,
        body: Nothing,
        answer,
    }
}

const fn post(path: &'static str, body: Kind, answer: Kind) -> Operation {
    Operation {
        method: "POST",
        path,
        query: "",
        body,
        answer,
    }
}

const fn put(path: &'static str, body: Kind) -> Operation {
    Operation {
        method: "PUT",
        path,
        query: "",
        body,
        answer: Nothing,
    }
}

const fn delete(path: &'static str, body: Kind) -> Operation {
    Operation {
        method: "DELETE",
        path,
        query: "",
        body,
        answer: Nothing,
    }
}

/// Applies `$with::<T>` for each type that the table names, and those that they are made of.
macro_rules! with_types {
    ($with:ident, $components:expr) => {{
        let components = $with::<realm::RealmRepresentation>($components);
        let components = $with::<realm::role::RoleRepresentation>(components);
        let components = $with::<realm::component::ComponentRepresentation>(components);
        let components = $with::<realm::event::Event>(components);
        let components = $with::<user::UserRepresentation>(components);
        let components = $with::<user::rep::CredentialRepresentation>(components);
        let components = $with::<user::app_password::AppPasswordRepresentation>(components);
        let components = $with::<user::lockout::Status>(components);
        let components = $with::<user::group::GroupRepresentation>(components);
        let components = $with::<realm::admin_event::AdminEvent>(components);
        let components = $with::<client::scope::ClientScopeRepresentation>(components);
        let components = $with::<client::ClientRepresentation>(components);
        let components =
            $with::<realm::identity_provider::IdentityProviderRepresentation>(components);
        let components =
            $with::<realm::identity_provider::IdentityProviderMapperRepresentation>(components);
        $with::<client::ProtocolMapperRepresentation>(components)
    }};
}
pub(super) use with_types;

const REALM: Kind = One("RealmRepresentation");

/// All of them, by path; one a line.
#[rustfmt::skip]
pub(super) const OPERATIONS: &[Operation] = &[
    delete("", Nothing),
    get("", "", REALM),
    put("", REALM),
    delete("/admin-events", Nothing),
    get("/admin-events", "operationTypes resourceTypes resourcePath authRealm authClient authUser authIpAddress dateFrom dateTo direction first max", Many("AdminEventRepresentation")),
    delete("/attack-detection/brute-force/users", Nothing),
    delete("/attack-detection/brute-force/users/{user}", Nothing),
    get("/attack-detection/brute-force/users/{user}", "", One("BruteForceStatus")),
    get("/authentication/required-actions", "", List),
    get("/authentication/required-actions/{alias}", "", Any),
    put("/authentication/required-actions/{alias}", Any),
    post("/authentication/required-actions/{alias}/lower-priority", Nothing, Nothing),
    post("/authentication/required-actions/{alias}/raise-priority", Nothing, Nothing),
    get("/authentication/unregistered-required-actions", "", List),
    post("/clear-crl-cache", Nothing, Nothing),
    post("/clear-keys-cache", Nothing, Nothing),
    post("/clear-realm-cache", Nothing, Nothing),
    post("/clear-user-cache", Nothing, Nothing),
    get("/client-scopes", "", Many("ClientScopeRepresentation")),
    post("/client-scopes", One("ClientScopeRepresentation"), Created),
    delete("/client-scopes/{scope}", Nothing),
    get("/client-scopes/{scope}", "", One("ClientScopeRepresentation")),
    put("/client-scopes/{scope}", One("ClientScopeRepresentation")),
    post("/client-scopes/{scope}/protocol-mappers/add-models", Many("ProtocolMapperRepresentation"), Nothing),
    get("/client-scopes/{scope}/protocol-mappers/models", "", Many("ProtocolMapperRepresentation")),
    post("/client-scopes/{scope}/protocol-mappers/models", One("ProtocolMapperRepresentation"), Created),
    delete("/client-scopes/{scope}/protocol-mappers/models/{id}", Nothing),
    get("/client-scopes/{scope}/protocol-mappers/models/{id}", "", One("ProtocolMapperRepresentation")),
    put("/client-scopes/{scope}/protocol-mappers/models/{id}", One("ProtocolMapperRepresentation")),
    get("/client-scopes/{scope}/protocol-mappers/protocol/{protocol}", "", Many("ProtocolMapperRepresentation")),
    get("/client-scopes/{scope}/scope-mappings", "", Any),
    delete("/client-scopes/{scope}/scope-mappings/clients/{container}", Many("RoleRepresentation")),
    get("/client-scopes/{scope}/scope-mappings/clients/{container}", "briefRepresentation", Many("RoleRepresentation")),
    post("/client-scopes/{scope}/scope-mappings/clients/{container}", Many("RoleRepresentation"), Nothing),
    get("/client-scopes/{scope}/scope-mappings/clients/{container}/available", "briefRepresentation", Many("RoleRepresentation")),
    get("/client-scopes/{scope}/scope-mappings/clients/{container}/composite", "briefRepresentation", Many("RoleRepresentation")),
    delete("/client-scopes/{scope}/scope-mappings/realm", Many("RoleRepresentation")),
    get("/client-scopes/{scope}/scope-mappings/realm", "briefRepresentation", Many("RoleRepresentation")),
    post("/client-scopes/{scope}/scope-mappings/realm", Many("RoleRepresentation"), Nothing),
    get("/client-scopes/{scope}/scope-mappings/realm/available", "briefRepresentation", Many("RoleRepresentation")),
    get("/client-scopes/{scope}/scope-mappings/realm/composite", "briefRepresentation", Many("RoleRepresentation")),
    get("/client-session-stats", "", List),
    get("/clients", "clientId search q first max viewableOnly", Many("ClientRepresentation")),
    post("/clients", One("ClientRepresentation"), Created),
    delete("/clients/{client}", Nothing),
    get("/clients/{client}", "", One("ClientRepresentation")),
    put("/clients/{client}", One("ClientRepresentation")),
    get("/clients/{client}/certificates/{attribute}", "", Any),
    post("/clients/{client}/certificates/{attribute}/download", Any, File),
    post("/clients/{client}/certificates/{attribute}/generate", Nothing, Any),
    post("/clients/{client}/certificates/{attribute}/generate-and-download", Any, File),
    post("/clients/{client}/certificates/{attribute}/upload", Form, Any),
    post("/clients/{client}/certificates/{attribute}/upload-certificate", Form, Any),
    get("/clients/{client}/client-secret", "", One("CredentialRepresentation")),
    post("/clients/{client}/client-secret", Nothing, One("CredentialRepresentation")),
    delete("/clients/{client}/client-secret/rotated", Nothing),
    get("/clients/{client}/client-secret/rotated", "", One("CredentialRepresentation")),
    get("/clients/{client}/default-client-scopes", "", Many("ClientScopeRepresentation")),
    delete("/clients/{client}/default-client-scopes/{scope}", Nothing),
    put("/clients/{client}/default-client-scopes/{scope}", Nothing),
    get("/clients/{client}/docker-v2/explain", "user scope", Any),
    get("/clients/{client}/evaluate-scopes/generate-example-access-token", "scope userId audience", Any),
    get("/clients/{client}/evaluate-scopes/generate-example-id-token", "scope userId audience", Any),
    get("/clients/{client}/evaluate-scopes/generate-example-userinfo", "scope userId audience", Any),
    get("/clients/{client}/evaluate-scopes/protocol-mappers", "scope", List),
    get("/clients/{client}/evaluate-scopes/scope-mappings/{container}/granted", "scope", Many("RoleRepresentation")),
    get("/clients/{client}/evaluate-scopes/scope-mappings/{container}/not-granted", "scope", Many("RoleRepresentation")),
    get("/clients/{client}/installation/providers/{id}", "", File),
    post("/clients/{client}/nodes", Any, Nothing),
    delete("/clients/{client}/nodes/{node}", Nothing),
    get("/clients/{client}/offline-session-count", "", Any),
    get("/clients/{client}/offline-sessions", "first max", List),
    get("/clients/{client}/optional-client-scopes", "", Many("ClientScopeRepresentation")),
    delete("/clients/{client}/optional-client-scopes/{scope}", Nothing),
    put("/clients/{client}/optional-client-scopes/{scope}", Nothing),
    post("/clients/{client}/protocol-mappers/add-models", Many("ProtocolMapperRepresentation"), Nothing),
    get("/clients/{client}/protocol-mappers/models", "", Many("ProtocolMapperRepresentation")),
    post("/clients/{client}/protocol-mappers/models", One("ProtocolMapperRepresentation"), Created),
    delete("/clients/{client}/protocol-mappers/models/{id}", Nothing),
    get("/clients/{client}/protocol-mappers/models/{id}", "", One("ProtocolMapperRepresentation")),
    put("/clients/{client}/protocol-mappers/models/{id}", One("ProtocolMapperRepresentation")),
    get("/clients/{client}/protocol-mappers/protocol/{protocol}", "", Many("ProtocolMapperRepresentation")),
    post("/clients/{client}/push-revocation", Nothing, Any),
    post("/clients/{client}/registration-access-token", Nothing, One("ClientRepresentation")),
    get("/clients/{client}/roles", "search first max briefRepresentation", Many("RoleRepresentation")),
    post("/clients/{client}/roles", One("RoleRepresentation"), Created),
    delete("/clients/{client}/roles/{role}", Nothing),
    get("/clients/{client}/roles/{role}", "", One("RoleRepresentation")),
    put("/clients/{client}/roles/{role}", One("RoleRepresentation")),
    delete("/clients/{client}/roles/{role}/composites", Many("RoleRepresentation")),
    get("/clients/{client}/roles/{role}/composites", "search first max", Many("RoleRepresentation")),
    post("/clients/{client}/roles/{role}/composites", Many("RoleRepresentation"), Nothing),
    get("/clients/{client}/roles/{role}/composites/clients/{owner}", "search first max", Many("RoleRepresentation")),
    get("/clients/{client}/roles/{role}/composites/realm", "search first max", Many("RoleRepresentation")),
    get("/clients/{client}/roles/{role}/groups", "first max briefRepresentation", Many("GroupRepresentation")),
    get("/clients/{client}/roles/{role}/users", "first max briefRepresentation", Many("UserRepresentation")),
    get("/clients/{client}/scope-mappings", "", Any),
    delete("/clients/{client}/scope-mappings/clients/{container}", Many("RoleRepresentation")),
    get("/clients/{client}/scope-mappings/clients/{container}", "briefRepresentation", Many("RoleRepresentation")),
    post("/clients/{client}/scope-mappings/clients/{container}", Many("RoleRepresentation"), Nothing),
    get("/clients/{client}/scope-mappings/clients/{container}/available", "briefRepresentation", Many("RoleRepresentation")),
    get("/clients/{client}/scope-mappings/clients/{container}/composite", "briefRepresentation", Many("RoleRepresentation")),
    delete("/clients/{client}/scope-mappings/realm", Many("RoleRepresentation")),
    get("/clients/{client}/scope-mappings/realm", "briefRepresentation", Many("RoleRepresentation")),
    post("/clients/{client}/scope-mappings/realm", Many("RoleRepresentation"), Nothing),
    get("/clients/{client}/scope-mappings/realm/available", "briefRepresentation", Many("RoleRepresentation")),
    get("/clients/{client}/scope-mappings/realm/composite", "briefRepresentation", Many("RoleRepresentation")),
    get("/clients/{client}/service-account-user", "", One("UserRepresentation")),
    get("/clients/{client}/session-count", "", Any),
    get("/clients/{client}/test-nodes-available", "", Any),
    get("/clients/{client}/user-sessions", "first max", List),
    get("/components", "type parent name", Many("ComponentRepresentation")),
    post("/components", One("ComponentRepresentation"), Created),
    delete("/components/{id}", Nothing),
    get("/components/{id}", "", One("ComponentRepresentation")),
    put("/components/{id}", One("ComponentRepresentation")),
    get("/components/{id}/sub-component-types", "type", List),
    get("/credential-registrators", "", Texts),
    get("/default-default-client-scopes", "", Many("ClientScopeRepresentation")),
    delete("/default-default-client-scopes/{scope}", Nothing),
    put("/default-default-client-scopes/{scope}", Nothing),
    get("/default-groups", "", Many("GroupRepresentation")),
    delete("/default-groups/{group}", Nothing),
    put("/default-groups/{group}", Nothing),
    get("/default-optional-client-scopes", "", Many("ClientScopeRepresentation")),
    delete("/default-optional-client-scopes/{scope}", Nothing),
    put("/default-optional-client-scopes/{scope}", Nothing),
    delete("/events", Nothing),
    get("/events", "type client user ipAddress dateFrom dateTo direction first max", Many("EventRepresentation")),
    get("/events/config", "", Any),
    put("/events/config", Any),
    get("/group-by-path/{path:.*}", "", One("GroupRepresentation")),
    get("/groups", "search exact q first max briefRepresentation populateHierarchy subGroupsCount", Many("GroupRepresentation")),
    post("/groups", One("GroupRepresentation"), Created),
    get("/groups/count", "search top", Any),
    delete("/groups/{id}", Nothing),
    get("/groups/{id}", "", One("GroupRepresentation")),
    put("/groups/{id}", One("GroupRepresentation")),
    get("/groups/{id}/children", "search exact first max briefRepresentation subGroupsCount", Many("GroupRepresentation")),
    post("/groups/{id}/children", One("GroupRepresentation"), CreatedWith("GroupRepresentation")),
    get("/groups/{id}/members", "first max briefRepresentation", Many("UserRepresentation")),
    get("/groups/{id}/role-mappings", "", Any),
    delete("/groups/{id}/role-mappings/clients/{client}", Many("RoleRepresentation")),
    get("/groups/{id}/role-mappings/clients/{client}", "briefRepresentation", Many("RoleRepresentation")),
    post("/groups/{id}/role-mappings/clients/{client}", Many("RoleRepresentation"), Nothing),
    get("/groups/{id}/role-mappings/clients/{client}/available", "briefRepresentation", Many("RoleRepresentation")),
    get("/groups/{id}/role-mappings/clients/{client}/composite", "briefRepresentation", Many("RoleRepresentation")),
    delete("/groups/{id}/role-mappings/realm", Many("RoleRepresentation")),
    get("/groups/{id}/role-mappings/realm", "briefRepresentation", Many("RoleRepresentation")),
    post("/groups/{id}/role-mappings/realm", Many("RoleRepresentation"), Nothing),
    get("/groups/{id}/role-mappings/realm/available", "briefRepresentation", Many("RoleRepresentation")),
    get("/groups/{id}/role-mappings/realm/composite", "briefRepresentation", Many("RoleRepresentation")),
    post("/identity-provider/import-config", Any, Any),
    get("/identity-provider/instances", "search type first max briefRepresentation", Many("IdentityProviderRepresentation")),
    post("/identity-provider/instances", One("IdentityProviderRepresentation"), Created),
    delete("/identity-provider/instances/{alias}", Nothing),
    get("/identity-provider/instances/{alias}", "", One("IdentityProviderRepresentation")),
    put("/identity-provider/instances/{alias}", One("IdentityProviderRepresentation")),
    get("/identity-provider/instances/{alias}/export", "", Nothing),
    get("/identity-provider/instances/{alias}/mapper-types", "", Any),
    get("/identity-provider/instances/{alias}/mappers", "", Many("IdentityProviderMapperRepresentation")),
    post("/identity-provider/instances/{alias}/mappers", One("IdentityProviderMapperRepresentation"), Created),
    delete("/identity-provider/instances/{alias}/mappers/{id}", Nothing),
    get("/identity-provider/instances/{alias}/mappers/{id}", "", One("IdentityProviderMapperRepresentation")),
    put("/identity-provider/instances/{alias}/mappers/{id}", One("IdentityProviderMapperRepresentation")),
    get("/identity-provider/instances/{alias}/reload-keys", "", Any),
    get("/identity-provider/providers/{id}", "", Any),
    get("/keys", "", Any),
    get("/localization", "", Texts),
    delete("/localization/{locale}", Nothing),
    get("/localization/{locale}", "useRealmDefaultLocaleFallback", Any),
    post("/localization/{locale}", Any, Nothing),
    delete("/localization/{locale}/{key}", Nothing),
    get("/localization/{locale}/{key}", "", Plain),
    put("/localization/{locale}/{key}", Plain),
    post("/logout-all", Nothing, Any),
    get("/openapi.json", "", Any),
    post("/partial-export", Nothing, REALM).reads("exportClients exportGroupsAndRoles"),
    post("/partialImport", Any, Any),
    post("/push-revocation", Nothing, Any),
    get("/realms", "briefRepresentation", Many("RealmRepresentation")),
    post("/realms", REALM, Created),
    get("/roles", "search first max briefRepresentation", Many("RoleRepresentation")),
    post("/roles", One("RoleRepresentation"), Created),
    delete("/roles-by-id/{id}", Nothing),
    get("/roles-by-id/{id}", "", One("RoleRepresentation")),
    put("/roles-by-id/{id}", One("RoleRepresentation")),
    delete("/roles-by-id/{id}/composites", Many("RoleRepresentation")),
    get("/roles-by-id/{id}/composites", "search first max", Many("RoleRepresentation")),
    post("/roles-by-id/{id}/composites", Many("RoleRepresentation"), Nothing),
    get("/roles-by-id/{id}/composites/clients/{owner}", "search first max", Many("RoleRepresentation")),
    get("/roles-by-id/{id}/composites/realm", "search first max", Many("RoleRepresentation")),
    delete("/roles/{role}", Nothing),
    get("/roles/{role}", "", One("RoleRepresentation")),
    put("/roles/{role}", One("RoleRepresentation")),
    delete("/roles/{role}/composites", Many("RoleRepresentation")),
    get("/roles/{role}/composites", "search first max", Many("RoleRepresentation")),
    post("/roles/{role}/composites", Many("RoleRepresentation"), Nothing),
    get("/roles/{role}/composites/clients/{owner}", "search first max", Many("RoleRepresentation")),
    get("/roles/{role}/composites/realm", "search first max", Many("RoleRepresentation")),
    get("/roles/{role}/groups", "first max briefRepresentation", Many("GroupRepresentation")),
    get("/roles/{role}/users", "first max briefRepresentation", Many("UserRepresentation")),
    get("/serverinfo", "", Any),
    delete("/sessions/{session}", Nothing),
    post("/testSMTPConnection", Any, Nothing),
    put("/ui-ext", Any),
    get("/ui-ext/authentication-management/flows", "search first max", List),
    get("/ui-ext/authentication-management/required-actions", "search first max", List),
    get("/ui-ext/authentication-management/{type}/{id}", "search first max", List),
    get("/ui-ext/available-event-listeners", "search first max", List),
    get("/ui-ext/available-roles/clientScopes/{id}", "search first max", List),
    get("/ui-ext/available-roles/clients/{id}", "search first max", List),
    get("/ui-ext/available-roles/groups/{id}", "search first max", List),
    get("/ui-ext/available-roles/roles/{id}", "search first max", List),
    get("/ui-ext/available-roles/users/{id}", "search first max", List),
    get("/ui-ext/brute-force-user", "search first max", List),
    get("/ui-ext/effective-roles-all/clientScopes/{id}", "search first max", List),
    get("/ui-ext/effective-roles-all/clients/{id}", "search first max", List),
    get("/ui-ext/effective-roles-all/groups/{id}", "search first max", List),
    get("/ui-ext/effective-roles-all/roles/{id}", "search first max", List),
    get("/ui-ext/effective-roles-all/users/{id}", "search first max", List),
    get("/ui-ext/effective-roles/clientScopes/{id}", "search first max", List),
    get("/ui-ext/effective-roles/clients/{id}", "search first max", List),
    get("/ui-ext/effective-roles/groups/{id}", "search first max", List),
    get("/ui-ext/effective-roles/roles/{id}", "search first max", List),
    get("/ui-ext/effective-roles/users/{id}", "search first max", List),
    get("/ui-ext/info", "", Any),
    get("/ui-ext/realms/names", "search first max", List),
    post("/ui-ext/role-mapping-delete/clientScopes/{id}", Any, Nothing),
    post("/ui-ext/role-mapping-delete/clients/{id}", Any, Nothing),
    post("/ui-ext/role-mapping-delete/groups/{id}", Any, Nothing),
    post("/ui-ext/role-mapping-delete/roles/{id}", Any, Nothing),
    post("/ui-ext/role-mapping-delete/users/{id}", Any, Nothing),
    get("/ui-ext/role-mappings/roles/{id}", "", Any),
    get("/ui-ext/sessions", "search first max", List),
    get("/ui-ext/sessions/client", "search first max", List),
    get("/users", "search username email firstName lastName emailVerified enabled exact q idpAlias idpUserId createdAfter createdBefore first max briefRepresentation", Many("UserRepresentation")),
    post("/users", One("UserRepresentation"), Created),
    get("/users/count", "search username email firstName lastName emailVerified enabled exact q idpAlias idpUserId createdAfter createdBefore", Number),
    get("/users/profile", "", Any),
    put("/users/profile", Any).answers(Any),
    get("/users/profile/metadata", "", Any),
    delete("/users/{id}", Nothing),
    get("/users/{id}", "userProfileMetadata", One("UserRepresentation")),
    put("/users/{id}", One("UserRepresentation")),
    post("/users/{id}/app-passwords", One("AppPasswordRepresentation"), CreatedWith("AppPasswordRepresentation")),
    get("/users/{id}/configured-user-storage-credential-types", "", Texts),
    get("/users/{id}/consents", "", List),
    delete("/users/{id}/consents/{client}", Nothing),
    get("/users/{id}/credentials", "", Many("CredentialRepresentation")),
    delete("/users/{id}/credentials/{credential}", Nothing),
    post("/users/{id}/credentials/{credential}/moveAfter/{previous}", Nothing, Nothing),
    post("/users/{id}/credentials/{credential}/moveToFirst", Nothing, Nothing),
    put("/users/{id}/credentials/{credential}/userLabel", Plain),
    put("/users/{id}/disable-credential-types", Texts),
    put("/users/{id}/execute-actions-email", Texts).reads("redirect_uri client_id lifespan"),
    get("/users/{id}/federated-identity", "", List),
    get("/users/{id}/groups", "search first max briefRepresentation", Many("GroupRepresentation")),
    get("/users/{id}/groups/count", "search", Any),
    delete("/users/{id}/groups/{group}", Nothing),
    put("/users/{id}/groups/{group}", Nothing),
    post("/users/{id}/logout", Nothing, Nothing),
    get("/users/{id}/offline-sessions/{client}", "first max", List),
    put("/users/{id}/reset-password", One("CredentialRepresentation")),
    put("/users/{id}/reset-password-email", Nothing).reads("redirect_uri client_id lifespan"),
    get("/users/{id}/role-mappings", "", Any),
    delete("/users/{id}/role-mappings/clients/{client}", Many("RoleRepresentation")),
    get("/users/{id}/role-mappings/clients/{client}", "briefRepresentation", Many("RoleRepresentation")),
    post("/users/{id}/role-mappings/clients/{client}", Many("RoleRepresentation"), Nothing),
    get("/users/{id}/role-mappings/clients/{client}/available", "briefRepresentation", Many("RoleRepresentation")),
    get("/users/{id}/role-mappings/clients/{client}/composite", "briefRepresentation", Many("RoleRepresentation")),
    delete("/users/{id}/role-mappings/realm", Many("RoleRepresentation")),
    get("/users/{id}/role-mappings/realm", "briefRepresentation", Many("RoleRepresentation")),
    post("/users/{id}/role-mappings/realm", Many("RoleRepresentation"), Nothing),
    get("/users/{id}/role-mappings/realm/available", "briefRepresentation", Many("RoleRepresentation")),
    get("/users/{id}/role-mappings/realm/composite", "briefRepresentation", Many("RoleRepresentation")),
    put("/users/{id}/send-verify-email", Nothing).reads("redirect_uri client_id lifespan"),
    get("/users/{id}/sessions", "", List),
    get("/users/{id}/unmanagedAttributes", "", Any),
];
