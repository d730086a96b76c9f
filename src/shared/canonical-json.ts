/** Any value that JSON can carry. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined }

/**
 * JSON with sorted keys and no white space (RFC 8785 for the values we use): the same value is the same text. Every new command is digested
 * in this form: lists of strings, which most of it are, are written by one call, and objects without lists of their entries.
 */
export function canonicalJson(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (isList(value))
    return value.every(isText) ? JSON.stringify(value) : `[${value.map((item) => canonicalJson(item)).join(',')}]`
  let members = ''
  for (const key of Object.keys(value).toSorted()) {
    const item = value[key]
    if (item === undefined) continue
    if (members !== '') members += ','
    members += `${JSON.stringify(key)}:${canonicalJson(item)}`
  }
  return `{${members}}`
}

const isList = (value: readonly Json[] | { readonly [key: string]: Json | undefined }): value is readonly Json[] =>
  Array.isArray(value)
const isText = (value: Json): boolean => typeof value === 'string'
