use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Error, Expr, ExprLit, Ident, ItemFn, Lit, LitInt, LitStr, Meta, Result, Token, bracketed,
    parenthesized,
};

/// The keys that name a source, with the variant of `harness::case::Source` that each becomes.
const SOURCES: [(&str, &str); 7] = [
    ("man", "Man"),
    ("rfc", "Rfc"),
    ("posix", "Posix"),
    ("commit", "Commit"),
    ("kernel", "Kernel"),
    ("notes", "Notes"),
    ("incident", "Incident"),
];

#[derive(Default)]
struct Arguments {
    sources: Vec<TokenStream>,
    authority: bool,
    strength: Option<Ident>,
    since: Option<LitStr>,
    changed: Vec<TokenStream>,
    except: Vec<TokenStream>,
    needs: Vec<Expr>,
    alone: bool,
    deadline: Option<LitInt>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream) -> Result<Self> {
        let mut arguments = Arguments::default();
        while !input.is_empty() {
            arguments.parse_one(input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}

impl Arguments {
    fn parse_one(&mut self, input: ParseStream) -> Result<()> {
        let key: Ident = input.parse()?;
        if key == "alone" {
            self.alone = true;
            return Ok(());
        }
        input.parse::<Token![=]>()?;
        let name = key.to_string();
        if let Some((_, variant)) = SOURCES.iter().find(|(source, _)| *source == name) {
            return self.parse_source(&key, &format_ident!("{variant}"), input);
        }
        match name.as_str() {
            "strength" => self.strength = Some(input.parse()?),
            "since" => self.since = Some(version(input.parse()?)?),
            "deadline" => self.deadline = Some(input.parse()?),
            "needs" => self.needs = list::<Expr>(input)?.into_iter().collect(),
            "except" => {
                self.except = list::<Except>(input)?.into_iter().map(|except| except.0).collect();
            }
            "changed" => {
                self.changed = list::<Change>(input)?.into_iter().map(|change| change.0).collect();
            }
            _ => {
                let known = "man, rfc, posix, commit, kernel, notes, incident, strength, since, changed, except, needs, alone, deadline";
                return Err(Error::new(
                    key.span(),
                    format!("unknown key `{name}`; a case takes {known}"),
                ));
            }
        }
        Ok(())
    }

    fn parse_source(&mut self, key: &Ident, variant: &Ident, input: ParseStream) -> Result<()> {
        let texts = list::<LitStr>(input)?;
        for text in &texts {
            if text.value().trim().is_empty() {
                return Err(Error::new(text.span(), "an empty source is no source"));
            }
            self.sources.push(quote!(::harness::case::Source::#variant(#text)));
        }
        self.authority |= key != "notes" && !texts.is_empty();
        Ok(())
    }
}

/// `("5.5", "5.14", deviates, "commit ...")`
struct Change(TokenStream);

impl Parse for Change {
    fn parse(input: ParseStream) -> Result<Self> {
        let inner;
        parenthesized!(inner in input);
        let from = version(inner.parse()?)?;
        inner.parse::<Token![,]>()?;
        let until = version(inner.parse()?)?;
        inner.parse::<Token![,]>()?;
        let verdict: Ident = inner.parse()?;
        inner.parse::<Token![,]>()?;
        let why: LitStr = inner.parse()?;
        let verdict = match verdict.to_string().as_str() {
            "conforms" => format_ident!("Conforms"),
            "deviates" => format_ident!("Deviates"),
            "unsupported" => format_ident!("Unsupported"),
            _ => {
                return Err(Error::new(
                    verdict.span(),
                    "a range ends in conforms, deviates or unsupported",
                ));
            }
        };
        Ok(Change(quote!(::harness::case::Change {
            from: #from, until: #until, verdict: ::harness::record::Verdict::#verdict, why: #why,
        })))
    }
}

/// `("blocking_acceptors", "each worker serves one client at a time")`
struct Except(TokenStream);

impl Parse for Except {
    fn parse(input: ParseStream) -> Result<Self> {
        let inner;
        parenthesized!(inner in input);
        let model: LitStr = inner.parse()?;
        inner.parse::<Token![,]>()?;
        let why: LitStr = inner.parse()?;
        Ok(Except(quote!(::harness::case::Except { model: #model, why: #why })))
    }
}

fn list<T: Parse>(input: ParseStream) -> Result<Punctuated<T, Token![,]>> {
    let inner;
    bracketed!(inner in input);
    Punctuated::parse_terminated(&inner)
}

/// Accepts `""`, `"6.1"` and `"2.6.17"`.
fn version(text: LitStr) -> Result<LitStr> {
    let value = text.value();
    let numbers = value.split('.').all(|part| part.parse::<u16>().is_ok());
    if value.is_empty() || (numbers && (2..=3).contains(&value.split('.').count())) {
        Ok(text)
    } else {
        Err(Error::new(text.span(), "a kernel version has two or three numbers, as in \"6.1\""))
    }
}

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let function: ItemFn = syn::parse2(item)?;
    let arguments: Arguments = syn::parse2(arguments)?;
    let name = &function.sig.ident;
    let claim = claim(&function)?;
    if !arguments.authority {
        return Err(Error::new(
            name.span(),
            "a case names where its claim is stated: man, rfc, posix, commit, kernel or incident",
        ));
    }
    let Some(strength) = &arguments.strength else {
        return Err(Error::new(
            name.span(),
            "a case has a strength: Documented, Implementation or Folklore; of a server, Must or Should",
        ));
    };

    let Arguments { sources, since, changed, except, needs, alone, deadline, .. } = &arguments;
    let since = since.as_ref().map_or(quote!(""), |since| quote!(#since));
    let usual = if strength == "Must" || strength == "Should" { quote!(60) } else { quote!(30) };
    let deadline = deadline.as_ref().map_or(usual, |seconds| quote!(#seconds));
    let (line, text) = source_text(&function);
    let registration = format_ident!("CASE_{}", name.to_string().to_uppercase());
    Ok(quote! {
        #function

        #[::harness::private::linkme::distributed_slice(::harness::catalogue::CASES)]
        #[linkme(crate = ::harness::private::linkme)]
        static #registration: ::harness::case::Case = {
            const PATH: &str = ::std::concat!(::std::module_path!(), "::", ::std::stringify!(#name));
            const ID: [u8; ::harness::case::id_length(PATH)] = ::harness::case::id_bytes(PATH);
            ::harness::case::Case {
                id: ::harness::case::id_text(&ID),
                claim: #claim,
                sources: &[#(#sources),*],
                strength: ::harness::case::Strength::#strength,
                since: #since,
                changed: &[#(#changed),*],
                except: &[#(#except),*],
                needs: &[#(#needs),*],
                alone: #alone,
                deadline: ::std::time::Duration::from_secs(#deadline),
                file: ::std::file!(),
                line: #line,
                text: #text,
                run: #name,
            }
        };
    })
}

/// The doc comment, joined to one line.
fn claim(function: &ItemFn) -> Result<String> {
    let mut words = Vec::new();
    for attribute in &function.attrs {
        if let Meta::NameValue(pair) = &attribute.meta
            && pair.path.is_ident("doc")
            && let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &pair.value
        {
            words.extend(text.value().split_whitespace().map(str::to_owned));
        }
    }
    if words.is_empty() {
        return Err(Error::new(
            function.sig.ident.span(),
            "a case states its claim in a doc comment",
        ));
    }
    Ok(words.join(" "))
}

/// The line where the function is declared, and its text as it stands in the file.
fn source_text(function: &ItemFn) -> (u32, String) {
    let first = function.attrs.first().map_or_else(|| function.sig.span(), Spanned::span);
    let last = function.block.brace_token.span.close();
    let declared = u32::try_from(function.sig.span().start().line).unwrap_or(0);
    let text = crate::text::lines(first, last).unwrap_or_default();
    (declared, text.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the compiler would say of a case with these arguments and this doc comment.
    fn refusal(arguments: &str, doc: &str) -> String {
        let item = format!("{doc}\nfn name(t: &mut Trial) -> Result {{ Ok(()) }}");
        let (arguments, item) = (arguments.parse().unwrap(), item.parse().unwrap());
        expand(arguments, item).expect_err("it compiles").to_string()
    }

    #[test]
    fn a_case_without_source_claim_or_strength_does_not_compile() {
        let table = [
            ("strength = Documented", "/// It does.", "names where its claim is stated"),
            (
                "notes = [\"S01\"], strength = Documented",
                "/// It does.",
                "names where its claim is stated",
            ),
            ("man = [], strength = Documented", "/// It does.", "names where its claim is stated"),
            ("man = [\" \"], strength = Documented", "/// It does.", "empty source"),
            ("man = [\"poll(2)\"]", "/// It does.", "has a strength"),
            ("man = [\"poll(2)\"], strength = Documented", "", "states its claim"),
            ("man = [\"poll(2)\"], strength = Documented", "/// ", "states its claim"),
            (
                "man = [\"poll(2)\"], strength = Documented, sicne = \"5.1\"",
                "/// It does.",
                "unknown key `sicne`",
            ),
            (
                "man = [\"poll(2)\"], strength = Documented, since = \"five\"",
                "/// It does.",
                "two or three numbers",
            ),
            (
                "man = [\"poll(2)\"], strength = Documented, changed = [(\"\", \"5.1\", skipped, \"why\")]",
                "/// It does.",
                "conforms, deviates or unsupported",
            ),
        ];
        for (arguments, doc, says) in table {
            let refusal = refusal(arguments, doc);
            assert!(refusal.contains(says), "{arguments}: {refusal}");
        }
    }
}
