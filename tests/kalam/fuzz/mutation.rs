//! New statements of old ones.

use crate::fixture::Seeded;

/// Values at the limits of something.
const EDGES: [&str; 30] = [
    "0",
    "-1",
    "1",
    "NULL",
    "''",
    "'a'",
    "TRUE",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "1e308",
    "-0.0",
    "1e-400",
    "'NaN'::DOUBLE",
    "99999999999999999999999999999999999999",
    "'\\xff'::BYTES",
    "'294276-12-31'::TIMESTAMP",
    "'-290000-01-01'::DATE",
    "INTERVAL '1 month'",
    "ARRAY[]",
    "[NULL]",
    "'{}'::JSON",
    "'[1, 2]'",
    "$1",
    "?",
    ":a",
    "*",
    "(SELECT 1 WHERE FALSE)",
    "'\u{1F600}\u{301}'",
];

/// Names that the tables here have, and some that nothing has.
const NAMES: [&str; 20] = [
    "t", "note", "event", "k", "v", "n", "d", "j", "e", "l", "at", "day", "u", "b", "m", "id",
    "text", "_seq", "_deleted", "nothing",
];

/// Cuts statements into tokens and puts tokens of several together.
pub struct Mutator {
    random: Seeded,
    seeds: Vec<Vec<String>>,
}

impl Mutator {
    pub fn new(random: Seeded, seeds: &[String]) -> Mutator {
        Mutator { random, seeds: seeds.iter().map(|seed| tokens(seed)).collect() }
    }

    /// The next statement.
    pub fn statement(&mut self) -> String {
        let mut tokens = self.seed().to_vec();
        for _ in 0..1 + self.random.below(4) {
            self.change(&mut tokens);
        }
        let mut text = tokens.concat();
        if self.random.below(12) == 0 {
            text = self.cut_bytes(&text);
        }
        text
    }

    fn seed(&mut self) -> &[String] {
        let index = self.random.below(self.seeds.len() as u64) as usize;
        &self.seeds[index]
    }

    fn place(&mut self, tokens: &[String]) -> usize {
        self.random.below(tokens.len().max(1) as u64) as usize
    }

    /// A few tokens of some statement.
    fn piece(&mut self) -> Vec<String> {
        let length = 1 + self.random.below(9) as usize;
        let tokens = self.seed().to_vec();
        let from = self.place(&tokens);
        tokens.into_iter().skip(from).take(length).collect()
    }

    /// A whole parenthesis of some statement, if it has one.
    fn parenthesis(&mut self) -> Vec<String> {
        let tokens = self.seed().to_vec();
        let open: Vec<usize> = (0..tokens.len()).filter(|i| tokens[*i] == "(").collect();
        if open.is_empty() {
            return tokens;
        }
        let from = open[self.random.below(open.len() as u64) as usize];
        let mut depth = 0;
        let whole = tokens[from..].iter().position(|token| {
            depth += i32::from(token == "(") - i32::from(token == ")");
            depth == 0
        });
        let end = whole.map_or(tokens.len(), |length| from + length + 1);
        tokens[from..end].to_vec()
    }

    fn change(&mut self, tokens: &mut Vec<String>) {
        let at = self.place(tokens);
        let space = || " ".to_owned();
        match self.random.below(11) {
            0 if !tokens.is_empty() => _ = tokens.remove(at),
            1 if !tokens.is_empty() => tokens.insert(at, tokens[at].clone()),
            2 if !tokens.is_empty() => {
                let other = self.place(tokens);
                tokens.swap(at, other);
            }
            3 => {
                let piece = self.piece();
                tokens.splice(at..at, piece);
            }
            4 => {
                let end = (at + 1 + self.random.below(6) as usize).min(tokens.len());
                let piece = self.piece();
                tokens.splice(at.min(end)..end, piece);
            }
            5 => {
                let piece = self.parenthesis();
                tokens.splice(at..at, piece);
            }
            6 | 7 => self.put(tokens, &EDGES, |token| {
                token.starts_with(|c: char| c.is_ascii_digit() || c == '\'')
            }),
            8 | 9 => self.put(tokens, &NAMES, |token| {
                token.starts_with(|c: char| c.is_ascii_lowercase() || c == '"')
            }),
            _ => {
                let around =
                    ["WITH x AS (", "EXPLAIN ", "SELECT * FROM (", "PREPARE p AS ", "SELECT ("];
                let which = self.random.below(around.len() as u64) as usize;
                tokens.insert(0, around[which].to_owned());
                match which {
                    0 => tokens.push(") SELECT * FROM x".to_owned()),
                    2 => tokens.push(") y".to_owned()),
                    4 => tokens.push(")".to_owned()),
                    _ => tokens.push(space()),
                }
            }
        }
    }

    /// Puts one of these where a token fits, or anywhere.
    fn put(&mut self, tokens: &mut Vec<String>, these: &[&str], fits: impl Fn(&str) -> bool) {
        let new = these[self.random.below(these.len() as u64) as usize];
        let places: Vec<usize> = (0..tokens.len()).filter(|i| fits(&tokens[*i])).collect();
        if places.is_empty() {
            tokens.push(format!(" {new}"));
        } else {
            let at = places[self.random.below(places.len() as u64) as usize];
            new.clone_into(&mut tokens[at]);
        }
    }

    /// The text without some of its characters, or with others.
    fn cut_bytes(&mut self, text: &str) -> String {
        let mut characters: Vec<char> = text.chars().collect();
        for _ in 0..1 + self.random.below(4) {
            if characters.is_empty() {
                break;
            }
            let at = self.random.below(characters.len() as u64) as usize;
            match self.random.below(3) {
                0 => _ = characters.remove(at),
                1 => characters[at] = char::from(self.random.below(128) as u8),
                _ => {
                    let odd = ['\0', '\'', '"', '\u{202e}', '\u{ffff}', '\\', '$', '\u{e000}', 'ẞ'];
                    characters.insert(at, odd[self.random.below(odd.len() as u64) as usize]);
                }
            }
        }
        characters.into_iter().collect()
    }
}

/// Words, numbers, quoted texts, spaces and single characters, in order.
fn tokens(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = if first == '\'' || first == '"' {
            rest[1..].find(first).map_or(rest.len(), |end| end + 2)
        } else {
            let is_same = |c: char| match first {
                _ if first.is_whitespace() => c.is_whitespace(),
                _ if first.is_alphanumeric() || first == '_' => c.is_alphanumeric() || c == '_',
                _ => false,
            };
            let length = first.len_utf8();
            rest[length..].find(|c| !is_same(c)).map_or(rest.len(), |end| end + length)
        };
        found.push(rest[..end].to_owned());
        rest = &rest[end..];
    }
    found
}

#[test]
fn tokens_are_the_whole_text() {
    for text in ["SELECT 'a b', \"x\"(1.5)::INT -- ä", "'open", "", "ẞ_1 \u{1F600}"] {
        assert_eq!(tokens(text).concat(), text);
    }
    assert_eq!(tokens("SELECT 'a b', x1"), ["SELECT", " ", "'a b'", ",", " ", "x1"]);
}
