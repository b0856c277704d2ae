use proc_macro2::TokenStream;
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
        Ok(Check {
            trial,
            condition,
            sentence,
        })
    }
}

pub(crate) fn expand(input: TokenStream) -> Result<TokenStream> {
    let Check {
        trial,
        condition,
        sentence,
    } = syn::parse2(input)?;
    let source = crate::text::of(&condition).unwrap_or_else(|| quote!(#condition).to_string());

    let Some((left, operator, right)) = comparison(&condition) else {
        return Ok(quote! {{
            let holds: bool = #condition;
            #trial.check(holds, ::harness::trial::Seen {
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
    Ok(quote! {
        match (&(#left), &(#right)) {
            (left, right) => #trial.check(*left #operator *right, ::harness::trial::Seen {
                expression: #source,
                expected: ::std::format!("{} {:?}", #symbol, right),
                observed: Some(::std::format!("{:?}", left)),
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
