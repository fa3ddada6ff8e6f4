//! Questions to the syntax tree of the generated client.

use syn::{Field, GenericArgument, Ident, ImplItem, ImplItemFn, Item, Lit, PathArguments, Type};

/// The items of the module `types`; none if the generator wrote no such module.
pub(crate) fn types_module(file: &mut syn::File) -> Option<&mut Vec<Item>> {
    file.items.iter_mut().find_map(|item| match item {
        Item::Mod(module) if module.ident == "types" => Some(&mut module.content.as_mut()?.1),
        _ => None,
    })
}

/// The name of a struct or enum.
pub(crate) fn type_name(item: &Item) -> Option<String> {
    match item {
        Item::Struct(item) => Some(item.ident.to_string()),
        Item::Enum(item) => Some(item.ident.to_string()),
        _ => None,
    }
}

/// The inherent methods of the type `ident`.
pub(crate) fn methods_of<'a>(items: &'a [Item], ident: &Ident) -> Vec<&'a ImplItemFn> {
    let blocks = items.iter().filter_map(|item| match item {
        Item::Impl(block) if block.trait_.is_none() => match &*block.self_ty {
            Type::Path(path) if path.path.is_ident(ident) => Some(&block.items),
            _ => None,
        },
        _ => None,
    });
    let methods = blocks.flatten().filter_map(|item| match item {
        ImplItem::Fn(method) => Some(method),
        _ => None,
    });
    methods.collect()
}

/// The name of a field on the wire: that of `rename`, or its own.
pub(crate) fn wire_name(field: &Field) -> Option<String> {
    let ident = field.ident.as_ref()?;
    let mut name = ident.to_string();
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        let _ = attribute.parse_nested_meta(|meta| {
            if let Ok(value) = meta.value() {
                let value: Lit = value.parse()?;
                if let (true, Lit::Str(value)) = (meta.path.is_ident("rename"), value) {
                    name = value.value();
                }
            }
            Ok(())
        });
    }
    Some(name)
}

/// Returns true if serde does not fill the field when it is absent.
pub(crate) fn is_required(field: &Field) -> bool {
    let mut is_filled = optional(&field.ty).is_some();
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        let _ = attribute.parse_nested_meta(|meta| {
            is_filled |= meta.path.is_ident("default");
            if let Ok(value) = meta.value() {
                value.parse::<Lit>()?;
            }
            Ok(())
        });
    }
    !is_filled
}

/// The type within an `Option`.
pub(crate) fn optional(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == "Option")?;
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) => {
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
        }
        _ => None,
    }
}

/// Collects the last segment of every path within `ty`.
pub(crate) fn collect_idents(ty: &Type, idents: &mut Vec<String>) {
    match ty {
        Type::Reference(reference) => collect_idents(&reference.elem, idents),
        Type::Path(path) => {
            for segment in &path.path.segments {
                if let PathArguments::AngleBracketed(arguments) = &segment.arguments {
                    for argument in &arguments.args {
                        if let GenericArgument::Type(ty) = argument {
                            collect_idents(ty, idents);
                        }
                    }
                }
            }
            idents.extend(path.path.segments.last().map(|segment| segment.ident.to_string()));
        }
        _ => {}
    }
}
