//! What an administrator may set of a key provider: forms are made from it, and checks read the same lists.

/// A member of a key provider's config, as Keycloak's `ProviderConfigProperty`.
#[derive(Clone, Copy)]
pub struct Property {
    /// In `config`.
    pub name: &'static str,
    /// As forms and errors call it.
    pub label: &'static str,
    /// What forms say about it.
    pub help: &'static str,
    /// `String`, `boolean`, `List`, `File`.
    pub kind: &'static str,
    /// Its value where none is given, as JSON.
    pub default: Option<&'static str>,
    /// What a `List` takes.
    pub options: &'static [&'static str],
    /// Whether it is shown as a mask.
    pub secret: bool,
}

/// A kind of key provider.
pub struct Provider {
    /// In a component's `providerId`.
    pub id: &'static str,
    /// What forms say about it.
    pub help: &'static str,
    /// Its own members, after those of all.
    own: &'static [Property],
}

impl Provider {
    /// The members of its config, in the order of forms.
    pub fn properties(&self) -> impl Iterator<Item = &'static Property> {
        COMMON.iter().chain(self.own)
    }
}

/// What a `List` of this provider's config takes; nothing where it has no such member.
pub(super) fn options(provider: &str, name: &str) -> &'static [&'static str] {
    let own = PROVIDERS.iter().find(|known| known.id == provider);
    let property = own.and_then(|own| own.own.iter().find(|property| property.name == name));
    property.map_or(&[], |property| property.options)
}

const fn text(name: &'static str, label: &'static str, help: &'static str) -> Property {
    Property {
        name,
        label,
        help,
        kind: "String",
        default: None,
        options: &[],
        secret: false,
    }
}

const fn flag(
    name: &'static str,
    label: &'static str,
    help: &'static str,
    default: &'static str,
) -> Property {
    Property {
        kind: "boolean",
        default: Some(default),
        ..text(name, label, help)
    }
}

const fn list(
    name: &'static str,
    label: &'static str,
    help: &'static str,
    default: &'static str,
    options: &'static [&'static str],
) -> Property {
    Property {
        kind: "List",
        default: Some(default),
        options,
        ..text(name, label, help)
    }
}

const COMMON: [Property; 3] = [
    Property {
        default: Some("\"0\""),
        ..text("priority", "Priority", "Priority for the provider")
    },
    flag(
        "enabled",
        "Enabled",
        "Set if the keys are enabled",
        "\"true\"",
    ),
    flag(
        "active",
        "Active",
        "Set if the keys can be used for signing",
        "\"true\"",
    ),
];

/// 1024 is Keycloak's, too; it is too short to be safe.
const KEY_SIZE: Property = list(
    "keySize",
    "Key size",
    "Size for the generated keys",
    "2048",
    &["2048", "3072", "4096"],
);
const SIGNATURE: Property = list(
    "algorithm",
    "Algorithm",
    "Intended algorithm for the key",
    "\"RS256\"",
    &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
);
const ENCRYPTION: Property = list(
    "algorithm",
    "Algorithm",
    "Intended algorithm for the key encryption",
    "\"RSA-OAEP\"",
    &["RSA1_5", "RSA-OAEP", "RSA-OAEP-256"],
);
const PRIVATE_KEY: Property = Property {
    kind: "File",
    secret: true,
    ..text(
        "privateKey",
        "Private RSA Key",
        "Private RSA Key encoded in PEM format",
    )
};
const CERTIFICATE: Property = Property {
    kind: "File",
    ..text(
        "certificate",
        "X509 Certificate",
        "X509 Certificate encoded in PEM format",
    )
};

/// The key providers of realms, in the order of their ids.
pub const PROVIDERS: [Provider; 8] = [
    Provider {
        id: "aes-generated",
        help: "Generates AES secret key",
        own: &[list(
            "secretSize",
            "AES Key size",
            "Size in bytes for the generated AES Key. Size 16 is for AES-128, Size 24 for AES-192 and Size 32 for AES-256.",
            "\"32\"",
            &["16", "24", "32"],
        )],
    },
    Provider {
        id: "ecdsa-generated",
        help: "Generates ECDSA keys",
        own: &[
            flag(
                "ecGenerateCertificate",
                "Generate Certificate",
                "If a certificate should be build on creation. If the certificate is build, it will be available in the realm JWK for the key in the claim x5c and corresponding thumbprints may be available in the claims like x5t or x5t#S256.",
                "false",
            ),
            list(
                "ecdsaEllipticCurveKey",
                "Elliptic Curve",
                "Elliptic Curve used in ECDSA",
                "\"P-256\"",
                &["P-256", "P-384", "P-521"],
            ),
        ],
    },
    Provider {
        id: "eddsa-generated",
        help: "Generates EdDSA keys",
        own: &[list(
            "eddsaEllipticCurveKey",
            "Elliptic Curve",
            "Elliptic Curve used in EdDSA",
            "\"Ed25519\"",
            &["Ed25519"],
        )],
    },
    Provider {
        id: "hmac-generated",
        help: "Generates HMAC secret key",
        own: &[
            list(
                "secretSize",
                "Secret size",
                "Size in bytes for the generated secret",
                "\"128\"",
                &["16", "24", "32", "64", "128", "256", "512"],
            ),
            list(
                "algorithm",
                "Algorithm",
                "Intended algorithm for the key",
                "\"HS512\"",
                &["HS256", "HS384", "HS512"],
            ),
        ],
    },
    Provider {
        id: "rsa",
        help: "RSA signature key provider that can optionally generated a self-signed certificate",
        own: &[PRIVATE_KEY, CERTIFICATE, SIGNATURE],
    },
    Provider {
        id: "rsa-enc",
        help: "RSA for key encryption provider that can optionally generated a self-signed certificate",
        own: &[PRIVATE_KEY, CERTIFICATE, ENCRYPTION],
    },
    Provider {
        id: "rsa-enc-generated",
        help: "Generates RSA keys for key encryption and creates a self-signed certificate",
        own: &[KEY_SIZE, ENCRYPTION],
    },
    Provider {
        id: "rsa-generated",
        help: "Generates RSA signature keys and creates a self-signed certificate",
        own: &[KEY_SIZE, SIGNATURE],
    },
];
