//! Reads JSON, as far as the doctor needs it: the words in a `kernel.json`.

use std::collections::BTreeMap;

#[derive(Debug, PartialEq)]
pub(crate) enum Value {
    String(String),
    Array(Vec<Value>),
    Object(BTreeMap<String, Value>),
    /// A number, `true`, `false` or `null`: nobody asks which.
    Other,
}

// Deeper than any kernelspec; a file must not exhaust the stack.
const DEEPEST: usize = 64;

pub(crate) fn parse(text: &str) -> Option<Value> {
    let mut reader = Reader { rest: text };
    let value = reader.value(0)?;
    reader.skip_space();
    reader.rest.is_empty().then_some(value)
}

impl Value {
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Object(entries) => entries.get(key),
            _ => None,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The strings of an array that holds nothing else.
    pub(crate) fn as_words(&self) -> Option<Vec<&str>> {
        match self {
            Value::Array(items) => items.iter().map(Value::as_str).collect(),
            _ => None,
        }
    }
}

struct Reader<'text> {
    rest: &'text str,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        self.skip_space();
        match self.rest.chars().next()? {
            '"' => self.string().map(Value::String),
            '[' => self.array(depth),
            '{' => self.object(depth),
            _ => self.plain(),
        }
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        self.expect('[')?;
        let mut items = Vec::new();
        if self.take(']') {
            return Some(Value::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take(']') {
                return Some(Value::Array(items));
            }
            self.expect(',')?;
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.expect('{')?;
        let mut entries = BTreeMap::new();
        if self.take('}') {
            return Some(Value::Object(entries));
        }
        loop {
            self.skip_space();
            let key = self.string()?;
            self.expect(':')?;
            entries.insert(key, self.value(depth + 1)?);
            if self.take('}') {
                return Some(Value::Object(entries));
            }
            self.expect(',')?;
        }
    }

    fn string(&mut self) -> Option<String> {
        self.rest = self.rest.strip_prefix('"')?;
        let mut text = String::new();
        loop {
            let end = self.rest.find(['"', '\\'])?;
            let (plain, rest) = self.rest.split_at(end);
            text.push_str(plain);
            if let Some(rest) = rest.strip_prefix('"') {
                self.rest = rest;
                return Some(text);
            }
            let mut letters = rest.chars();
            letters.next();
            let letter = letters.next()?;
            self.rest = letters.as_str();
            text.push(match letter {
                '"' | '\\' | '/' => letter,
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => self.code_point()?,
                _ => return None,
            });
        }
    }

    /// The digits after `\u`, and a second such unit where the first is half of a pair.
    fn code_point(&mut self) -> Option<char> {
        let first = self.unit()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        self.rest = self.rest.strip_prefix("\\u")?;
        let second = self
            .unit()?
            .checked_sub(0xdc00)
            .filter(|&low| low < 0x400)?;
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + second)
    }

    fn unit(&mut self) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        plain.then(|| u32::from_str_radix(digits, 16).ok())?
    }

    fn plain(&mut self) -> Option<Value> {
        let end = self.rest.find([',', ']', '}', ' ', '\t', '\r', '\n']);
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        let known = matches!(word, "true" | "false" | "null") || word.parse::<f64>().is_ok();
        known.then_some(Value::Other)
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    fn take(&mut self, letter: char) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(letter);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, letter: char) -> Option<()> {
        self.take(letter).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernelspec_is_read() {
        let text = r#" {
            "argv": ["/opt/p\u00e4th/ipyrust", "-f", "{connection_file}"],
            "display_name": "Python \"3\" \ud83d\udc0d", "metadata": {"debugger": true},
            "more": [1, -2.5e3, null, {}, []]
        } "#;
        let spec = parse(text).unwrap();
        let words = spec.get("argv").unwrap().as_words().unwrap();
        assert_eq!(words, ["/opt/päth/ipyrust", "-f", "{connection_file}"]);
        assert_eq!(
            spec.get("display_name").unwrap().as_str(),
            Some("Python \"3\" 🐍")
        );
        assert_eq!(spec.get("more").unwrap().as_words(), None);
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\" 1}",
            "\"\\ud800\"",
            "\"\\u12",
            "tru",
            "[] []",
            "\"\\x\"",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&"[".repeat(100_000)), None);
    }
}
