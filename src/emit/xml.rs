//! XML for libvirt.

use crate::model::xml::Element;

/// The document: two blanks a level, one element a line, one newline at the end.
pub fn text(root: &Element) -> String {
    let mut out = String::new();
    write(root, 0, &mut out);
    out
}

fn write(element: &Element, depth: usize, out: &mut String) {
    let indent = |out: &mut String| out.extend(std::iter::repeat_n("  ", depth));
    indent(out);
    out.push('<');
    out.push_str(element.name);
    for (name, value) in &element.attributes {
        out.extend([" ", name, "='", &escaped(value), "'"]);
    }
    if let Some(text) = &element.text {
        out.extend([">", &escaped(text)]);
    } else if element.children.is_empty() {
        out.push_str("/>\n");
        return;
    } else {
        out.push_str(">\n");
        element.children.iter().for_each(|child| write(child, depth + 1, out));
        indent(out);
    }
    out.extend(["</", element.name, ">\n"]);
}

/// What XML reads as this text. Control characters, which XML 1.0 does not have, become blanks.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&apos;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::xml::element;

    #[test]
    fn elements() {
        let root = element("a").with("b", "it's <&>\n").child(element("c").text("x & y")).child(element("d"));
        assert_eq!(text(&root), "<a b='it&apos;s &lt;&amp;&gt; '>\n  <c>x &amp; y</c>\n  <d/>\n</a>\n");
    }
}
