//! Operations as calls that can grow: what is required is an argument, what is optional a method of the call.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{FnArg, ImplItemFn, Item, Pat, PatType, ReturnType, Visibility, parse_quote};

use super::rows::argument;
use crate::names::type_name;
use crate::syntax::{doc_text, methods_mut, optional};

/// Makes each operation return a call, which is sent when it is awaited.
pub(super) fn make(client: &mut syn::File) -> syn::Result<()> {
    let (mut methods, mut calls) = (Vec::new(), Vec::new());
    for sender in methods_mut(&mut client.items).filter(|method| method.sig.asyncness.is_some()) {
        let Some((method, call)) = method_and_call(sender) else { continue };
        methods.push(method);
        calls.push(call);
        sender.sig.ident = format_ident!("send_{}", sender.sig.ident);
        sender.vis = Visibility::Inherited;
        sender.attrs.clear();
    }
    // As text, since the paths are those of the client.
    let imports: Item = syn::parse_str("use super::{Client, types};")?;
    let face: syn::File = parse_quote! {
        /// The operations of the spec.
        #[derive(Clone, Debug)]
        pub struct Operations(pub(crate) Client);

        impl Operations {
            #(#methods)*
        }

        /// The calls of operations, each of which is sent when it is awaited.
        pub mod calls {
            #imports
            pub use crate::runtime::{Failure, Reply, Sending};
            #(#calls)*
        }
    };
    client.items.extend(face.items);
    Ok(())
}

/// The method that makes a call of the operation which `sender` sends, and the type of the calls.
fn method_and_call(sender: &mut ImplItemFn) -> Option<(TokenStream, TokenStream)> {
    let ReturnType::Type(_, output) = &mut sender.sig.output else { return None };
    let value = argument(output, "Result").and_then(|ty| argument(ty, "ResponseValue"))?;
    let arguments: Vec<&PatType> = sender
        .sig
        .inputs
        .iter()
        .filter_map(|input| match input {
            FnArg::Typed(argument) if matches!(*argument.pat, Pat::Ident(_)) => Some(argument),
            _ => None,
        })
        .collect();
    let (absent, given): (Vec<&PatType>, Vec<&PatType>) =
        arguments.iter().partition(|argument| optional(&argument.ty).is_some());
    let name = &sender.sig.ident;
    let (call, send) = (format_ident!("{}", type_name(&name.to_string())), format_ident!("send_{name}"));
    let docs: Vec<String> = sender.attrs.iter().filter_map(|attribute| doc_text(&attribute.meta)).collect();
    let (names, types): (Vec<_>, Vec<_>) =
        arguments.iter().map(|argument| (&argument.pat, &argument.ty)).unzip();
    let (absent_names, given_names) =
        (absent.iter().map(|argument| &argument.pat), given.iter().map(|argument| &argument.pat));
    let setters = absent.iter().map(|argument| setter(argument, &docs.join("\n")));
    let method = quote! {
        #(#[doc = #docs])*
        pub fn #name<'a>(&'a self, #(#given),*) -> calls::#call<'a> {
            calls::#call {
                client: &self.0,
                #(#given_names,)*
                #(#absent_names: ::std::option::Option::None,)*
            }
        }
    };
    let doc = format!("A call of [`{name}`](super::Operations::{name}).");
    let call = quote! {
        #[doc = #doc]
        #[derive(Debug)]
        #[must_use = "a call is sent when it is awaited"]
        pub struct #call<'a> {
            pub(super) client: &'a Client,
            #(pub(super) #names: #types,)*
        }
        impl<'a> #call<'a> {
            #(#setters)*
        }
        impl<'a> ::std::future::IntoFuture for #call<'a> {
            type Output = ::std::result::Result<Reply<#value>, Failure>;
            type IntoFuture = Sending<'a, #value>;
            fn into_future(self) -> Self::IntoFuture {
                let Self { client, #(#names,)* } = self;
                ::std::boxed::Box::pin(async move { crate::runtime::reply(client.#send(#(#names),*).await) })
            }
        }
    };
    Some((method, call))
}

/// The method that sets an optional argument, with its description from the docs of the operation.
fn setter(argument: &PatType, docs: &str) -> Option<TokenStream> {
    let (name, ty) = (quote::ToTokens::to_token_stream(&argument.pat).to_string(), optional(&argument.ty)?);
    let start = format!("- `{name}`: ");
    let text = docs.split_once(&start).and_then(|(_, rest)| rest.split("\n- `").next());
    let doc = format!("Sets `{name}`.\n\n{}", text.unwrap_or_default());
    let (setter, field) = (format_ident!("with_{}", name.trim_end_matches('_')), &argument.pat);
    Some(quote! {
        #[doc = #doc]
        pub fn #setter(mut self, value: impl ::std::convert::Into<::std::option::Option<#ty>>) -> Self {
            self.#field = value.into();
            self
        }
    })
}
