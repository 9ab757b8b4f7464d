//! Which language somebody is spoken to.

use realm::Realm;

/// The part of a locale that says the language: `de` of `de-AT`.
pub(super) fn language(locale: &str) -> &str {
    locale.split(['-', '_']).next().unwrap_or_default()
}

/// The locales of a realm, in its order; none while its internationalization is off.
pub(super) fn supported(realm: &Realm) -> &[String] {
    if realm.rep.internationalization_enabled != Some(true) {
        return &[];
    }
    realm.rep.supported_locales.as_deref().unwrap_or_default()
}

/// The locale of a realm that fits a wish: the same tag, else the same language.
pub(super) fn find<'a>(supported: &'a [String], wish: &str) -> Option<&'a str> {
    let wish = wish.trim();
    if wish.is_empty() || wish.len() > 35 {
        return None;
    }
    let same = |a: &str, b: &str| {
        a.replace('_', "-")
            .eq_ignore_ascii_case(&b.replace('_', "-"))
    };
    let exact = supported.iter().find(|known| same(known, wish));
    exact
        .or_else(|| {
            let of_language =
                |known: &&String| language(known).eq_ignore_ascii_case(language(wish));
            supported.iter().find(of_language)
        })
        .map(String::as_str)
}

/// The first of several wishes that fits.
pub(super) fn first<'a>(supported: &'a [String], wishes: &str) -> Option<&'a str> {
    let wishes = wishes.split([' ', ',']).take(16);
    wishes.filter_map(|wish| find(supported, wish)).next()
}

/// What an `Accept-Language` header wishes for most (RFC 9110 §12.5.4).
pub(super) fn accepted<'a>(supported: &'a [String], header: &str) -> Option<&'a str> {
    let mut wishes: Vec<(f32, &str)> = header
        .split(',')
        .take(32)
        .filter_map(|wish| {
            let (tag, rest) = wish.split_once(';').unwrap_or((wish, ""));
            let weight = match rest.trim().strip_prefix("q=") {
                Some(weight) => weight.trim().parse().ok()?,
                None => 1.0,
            };
            (weight > 0.0).then(|| (weight, tag.trim()))
        })
        .collect();
    // Stable, so that equal weights stay in the browser's order.
    wishes.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    wishes.iter().find_map(|(_, tag)| find(supported, tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_met_by_tag_then_by_language() {
        let known: Vec<String> = ["en", "de", "pt-BR"].map(str::to_owned).to_vec();
        assert_eq!(find(&known, "de-AT"), Some("de"));
        assert_eq!(find(&known, "pt_br"), Some("pt-BR"));
        assert_eq!(find(&known, "fr"), None);
        assert_eq!(find(&known, ""), None);
        assert_eq!(first(&known, "fr xx de en"), Some("de"));
        assert_eq!(accepted(&known, "fr,en;q=0.3,de;q=0.8"), Some("de"));
        assert_eq!(accepted(&known, "de-AT,en;q=0.5"), Some("de"));
        assert_eq!(accepted(&known, "de;q=0,en;q=x"), None);
        assert_eq!(accepted(&[], "de"), None);
    }
}
