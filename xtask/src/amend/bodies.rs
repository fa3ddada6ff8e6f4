//! Bodies: optional ones, and media types of their own.
//!
//! The generator writes `self.client.put(url).json(&body).headers(header_map).build()?` for a request,
//! and a `match` on the status for its response.

use syn::{Arm, Expr, ExprMethodCall, FnArg, ImplItem, Item, Pat, ReturnType, Stmt, Type, parse_quote};

use crate::document::{Defect, child};
use crate::normalize::Method;

/// Rewrites the methods whose bodies the generator got wrong.
pub(crate) fn apply(methods: &[Method], client: &mut syn::File) -> Result<(), Defect> {
    for method in methods {
        let function = client.items.iter_mut().find_map(|item| match item {
            Item::Impl(block) if block.trait_.is_none() => {
                block.items.iter_mut().find_map(|item| match item {
                    ImplItem::Fn(function) if function.sig.ident == method.name => Some(function),
                    _ => None,
                })
            }
            _ => None,
        });
        let missing = || Defect::new(&method.place, "the generator wrote no such method");
        let function = function.ok_or_else(missing)?;
        let bodies = &method.bodies;
        if bodies.content_type.is_some() || bodies.is_request_optional || bodies.accept.is_some() {
            rewrite_request(method, function).ok_or_else(|| {
                Defect::new(
                    child(&method.place, "requestBody"),
                    "the generator wrote a request of another form",
                )
            })?;
        }
        if !bodies.no_body.is_empty() || !bodies.same_body.is_empty() {
            rewrite_response(method, function).ok_or_else(|| {
                Defect::new(
                    child(&method.place, "responses"),
                    "the generator wrote a response of another form",
                )
            })?;
        }
    }
    Ok(())
}

/// Sends the right media types, and no body if there is none.
fn rewrite_request(method: &Method, function: &mut syn::ImplItemFn) -> Option<()> {
    let bodies = &method.bodies;
    let request = function.block.stmts.iter_mut().find_map(|statement| match statement {
        Stmt::Local(local) => local.init.as_mut().map(|init| &mut *init.expr).filter(|init| is_request(init)),
        _ => None,
    })?;
    if let Some(accept) = &bodies.accept {
        set_header(request, "ACCEPT", accept)?;
    }
    if let Some(content_type) = &bodies.content_type {
        match set_header(request, "CONTENT_TYPE", content_type) {
            Some(()) => {}
            // JSON and forms bring their media type, unless there is one already.
            None => {
                let call = find_call(request, &["json", "form_urlencoded"])?;
                let receiver = &call.receiver;
                call.receiver = parse_quote! {
                    #receiver.header(
                        ::reqwest::header::CONTENT_TYPE,
                        ::reqwest::header::HeaderValue::from_static(#content_type),
                    )
                };
            }
        }
    }
    if bodies.is_request_optional {
        make_optional(request)?;
        let argument = function.sig.inputs.iter_mut().find_map(|input| match input {
            FnArg::Typed(argument) if is_body(&argument.pat) => Some(&mut argument.ty),
            _ => None,
        })?;
        let ty: &Type = argument;
        **argument = parse_quote!(Option<#ty>);
    }
    Some(())
}

fn is_body(pattern: &Pat) -> bool {
    matches!(pattern, Pat::Ident(pattern) if pattern.ident == "body")
}

/// Returns true for a chain of calls that ends with `build()?`.
fn is_request(expression: &Expr) -> bool {
    match expression {
        Expr::Try(attempt) => matches!(&*attempt.expr, Expr::MethodCall(call) if call.method == "build"),
        _ => false,
    }
}

/// The calls of a chain, last first.
fn find_call<'a>(expression: &'a mut Expr, names: &[&str]) -> Option<&'a mut ExprMethodCall> {
    match expression {
        Expr::Try(attempt) => find_call(&mut attempt.expr, names),
        Expr::MethodCall(call) => {
            if names.iter().any(|name| call.method == name) {
                return Some(call);
            }
            find_call(&mut call.receiver, names)
        }
        _ => None,
    }
}

/// Sets the value of the header that the chain adds under this constant.
fn set_header(expression: &mut Expr, constant: &str, value: &str) -> Option<()> {
    match expression {
        Expr::Try(attempt) => set_header(&mut attempt.expr, constant, value),
        Expr::MethodCall(call) => {
            let is_header = call.method == "header"
                && matches!(call.args.first(), Some(Expr::Path(path)) if path.path.segments.last().is_some_and(|s| s.ident == constant));
            if is_header {
                *call.args.last_mut()? = parse_quote!(::reqwest::header::HeaderValue::from_static(#value));
                return Some(());
            }
            set_header(&mut call.receiver, constant, value)
        }
        _ => None,
    }
}

/// Wraps the calls that set the body into a `match` on the argument.
fn make_optional(request: &mut Expr) -> Option<()> {
    let call = find_call(request, &["json", "form_urlencoded", "body"])?;
    // A form is fallible, and what sends bytes sets their media type just before.
    let is_raw = call.method == "body";
    let name = call.method.clone();
    let receiver = if is_raw {
        match &mut *call.receiver {
            Expr::MethodCall(header) if header.method == "header" => {
                let arguments = header.args.clone();
                let inner = header.receiver.clone();
                let whole: Expr = parse_quote! {{
                    let request = #inner;
                    match body {
                        Some(body) => request.header(#arguments).body(body),
                        None => request,
                    }
                }};
                return replace_call(request, "body", whole);
            }
            _ => return None,
        }
    } else {
        call.receiver.clone()
    };
    let whole: Expr = if name == "json" {
        parse_quote! {{
            let request = #receiver;
            match body {
                Some(body) => request.json(&body),
                None => request,
            }
        }}
    } else {
        parse_quote! {{
            let request = #receiver;
            match body {
                Some(body) => request.form_urlencoded(&body)?,
                None => request,
            }
        }}
    };
    replace_call(request, &name.to_string(), whole)
}

/// Replaces the call `name` of a chain, with the `?` after it.
fn replace_call(expression: &mut Expr, name: &str, replacement: Expr) -> Option<()> {
    let is_target = match &*expression {
        Expr::Try(attempt) => {
            matches!(&*attempt.expr, Expr::MethodCall(call) if call.method == name && name == "form_urlencoded")
        }
        Expr::MethodCall(call) => call.method == name,
        _ => false,
    };
    if is_target {
        *expression = replacement;
        return Some(());
    }
    match expression {
        Expr::Try(attempt) => replace_call(&mut attempt.expr, name, replacement),
        Expr::MethodCall(call) => replace_call(&mut call.receiver, name, replacement),
        _ => None,
    }
}

/// Reads the body of every status that has one, and none of the others.
fn rewrite_response(method: &Method, function: &mut syn::ImplItemFn) -> Option<()> {
    let Some(Stmt::Expr(Expr::Match(statuses), _)) = function.block.stmts.last_mut() else { return None };
    let success = statuses.arms.iter_mut().position(|arm| !is_error(arm))?;
    let arm = &mut statuses.arms[success];
    let is_stream = body_text(arm).contains("stream");
    let mut patterns = vec![arm.pat.clone()];
    let codes = method.bodies.same_body.iter();
    let codes = codes.chain(method.bodies.no_body.iter().filter(|_| is_stream));
    patterns.extend(codes.map(|code| pattern(code)));
    arm.pat = parse_quote!(#(#patterns)|*);
    if is_stream || method.bodies.no_body.is_empty() {
        return Some(());
    }
    let ReturnType::Type(_, result) = &mut function.sig.output else { return None };
    let success_type = first_argument(first_argument(result)?)?;
    let ty: &Type = success_type;
    let body = &arm.body;
    *arm.body = parse_quote!({
        let response: Result<ResponseValue<#ty>, _> = #body;
        response.and_then(|response| response.map(Some))
    });
    *success_type = parse_quote!(Option<#ty>);
    let patterns: Vec<Pat> = method.bodies.no_body.iter().map(|code| pattern(code)).collect();
    // The codes without a body come first: a range may cover them.
    statuses
        .arms
        .insert(success, parse_quote!(#(#patterns)|* => ResponseValue::empty(response).map(|()| None),));
    Some(())
}

fn pattern(code: &str) -> Pat {
    match code.parse::<u16>() {
        Ok(code) => parse_quote!(#code),
        Err(_) => parse_quote!(200..=299),
    }
}

fn is_error(arm: &Arm) -> bool {
    body_text(arm).starts_with("Err")
}

/// The body of an arm as text, for telling the few forms apart that the generator writes.
fn body_text(arm: &Arm) -> String {
    use quote::ToTokens as _;
    let text = arm.body.to_token_stream().to_string();
    text.trim_start_matches(['{', ' ']).to_owned()
}

/// The first type argument of a type.
fn first_argument(ty: &mut Type) -> Option<&mut Type> {
    let Type::Path(path) = ty else { return None };
    match &mut path.path.segments.last_mut()?.arguments {
        syn::PathArguments::AngleBracketed(arguments) => {
            arguments.args.iter_mut().find_map(|argument| match argument {
                syn::GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
        }
        _ => None,
    }
}
