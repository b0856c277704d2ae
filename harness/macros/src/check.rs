use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{BinOp, Expr, Result, Token};

/// `trial, condition, "sentence", arguments...`
struct Check {
    trial: Expr,
    condition: Expr,
    sentence: Punctuated<Expr, Token![,]>,
}

impl Parse for Check {
    fn parse(input: ParseStream) -> Result<Self> {
        let trial = input.parse()?;
        input.parse::<Token![,]>()?;
        let condition = input.parse()?;
        input.parse::<Token![,]>()?;
        let sentence = Punctuated::parse_terminated(input)?;
        if sentence.is_empty() {
            return Err(input.error("a check says in a sentence what it shows"));
        }
        Ok(Check { trial, condition, sentence })
    }
}

pub(crate) fn expand(input: TokenStream) -> Result<TokenStream> {
    let Check { trial, condition, sentence } = syn::parse2(input)?;
    let source = crate::text::of(&condition).unwrap_or_else(|| quote!(#condition).to_string());

    let Some((left, operator, right)) = comparison(&condition) else {
        let holds = Ident::new("holds", Span::mixed_site());
        return Ok(quote! {{
            let #holds: bool = #condition;
            #trial.check(#holds, ::harness::trial::Seen {
                expression: #source,
                expected: "true".to_owned(),
                observed: None,
                sentence: ::std::format!(#sentence),
                file: ::std::file!(),
                line: ::std::line!(),
            })?
        }});
    };
    let symbol = quote!(#operator).to_string();
    // Names of the macro's own, out of reach of the sentence's format arguments.
    let (observed, expected) =
        (Ident::new("observed", Span::mixed_site()), Ident::new("expected", Span::mixed_site()));
    Ok(quote! {
        match (&(#left), &(#right)) {
            (#observed, #expected) => #trial.check(*#observed #operator *#expected, ::harness::trial::Seen {
                expression: #source,
                expected: ::std::format!("{} {:?}", #symbol, #expected),
                observed: Some(::std::format!("{:?}", #observed)),
                sentence: ::std::format!(#sentence),
                file: ::std::file!(),
                line: ::std::line!(),
            })?,
        }
    })
}

fn comparison(condition: &Expr) -> Option<(&Expr, &BinOp, &Expr)> {
    match condition {
        Expr::Binary(binary) => match binary.op {
            BinOp::Eq(_)
            | BinOp::Ne(_)
            | BinOp::Lt(_)
            | BinOp::Le(_)
            | BinOp::Gt(_)
            | BinOp::Ge(_) => Some((&binary.left, &binary.op, &binary.right)),
            _ => None,
        },
        Expr::Paren(inner) => comparison(&inner.expr),
        _ => None,
    }
}
