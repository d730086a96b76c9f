/**
 * Settings that move how text is split or names are resolved, and the values that change nothing: the gateway relies on them to read statements as
 * the server does.
 */
export const PINNED_SETTINGS: ReadonlyMap<string, RegExp> = new Map<string, RegExp>(
  Object.entries({
    client_encoding: /^(utf-?8|unicode)$/i,
    standard_conforming_strings: /^(on|true|yes|1)$/i,
    backslash_quote: /^safe_encoding$/i,
    // `x = NULL` would mean something else.
    transform_null_equals: /^(off|false|no|0)$/i,
    // Where the libraries of extensions are looked for, from version 18 on also those that are named with `$libdir`.
    dynamic_library_path: /^\$libdir$/,
    extension_control_path: /^\$system$/,
    session_preload_libraries: /^$^/,
    local_preload_libraries: /^$^/,
    temp_tablespaces: /^$^/,
  }),
)
