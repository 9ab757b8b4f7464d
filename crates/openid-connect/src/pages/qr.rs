//! QR codes as SVG within a page.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

/// The code of a text, black on white in either colour scheme; none for what is too long for one.
pub(crate) fn svg(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let image = code
        .render::<svg::Color<'_>>()
        .min_dimensions(220, 220)
        .dark_color(svg::Color("#000"))
        .light_color(svg::Color("#fff"))
        .build();
    // The declaration is for files, not for an element of a page.
    Some(match image.find("<svg") {
        Some(start) => image[start..].to_owned(),
        None => image,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_code_is_one_svg_element() {
        let image = super::svg("otpauth://totp/r:alice?secret=GEZDGNBV").unwrap();
        assert!(
            image.starts_with("<svg") && image.ends_with("</svg>"),
            "{image}"
        );
        assert!(!image.contains("script"));
        assert!(super::svg(&"x".repeat(5000)).is_none());
    }
}
