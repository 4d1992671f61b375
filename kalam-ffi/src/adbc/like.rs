//! Patterns of names, as LIKE has them.

/// Whether `text` fits `pattern`, in which `%` stands for any characters and `_` for one.
pub(super) fn like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) =
        (text.chars().collect(), pattern.chars().collect());
    let (mut at, mut place) = (0, 0);
    // Where the last `%` stands, and how much of the text it took.
    let mut any: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(place) {
            Some('%') => {
                any = Some((place, at));
                place += 1;
            }
            Some(c) if *c == '_' || *c == text[at] => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((star, taken)) = any else { return false };
                any = Some((star, taken + 1));
                (place, at) = (star + 1, taken + 1);
            }
        }
    }
    pattern[place..].iter().all(|c| *c == '%')
}

/// As [`like`]; no pattern fits everything.
pub(super) fn fits(text: &str, pattern: Option<&str>) -> bool {
    pattern.is_none_or(|pattern| like(text, pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_as_in_sql() {
        let cases = [
            ("", "", true),
            ("", "%", true),
            ("a", "", false),
            ("abc", "abc", true),
            ("abc", "a%", true),
            ("abc", "%c", true),
            ("abc", "a_c", true),
            ("abc", "a_", false),
            ("abcabd", "%ab_", true),
            ("abcabd", "%abc", false),
            ("é", "_", true),
            ("A", "a", false),
            ("a%b", "a%b", true),
        ];
        for (text, pattern, expected) in cases {
            assert_eq!(like(text, pattern), expected, "{text:?} LIKE {pattern:?}");
        }
    }
}
