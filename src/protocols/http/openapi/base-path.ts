import type { OpenApiServer } from './schema.ts'

/**
 * Where the paths of a document begin by its servers: the path of their URLs, without the slash at its end. Servers that differ in it describe
 * several places, of which the target is one: nobody but the configuration can say which.
 * Source: OpenAPI 3.1.1, section 4.8.5, Server Object.
 */
export function basePathOf(
  servers: readonly OpenApiServer[] | undefined,
): { readonly basePath: string } | { readonly failure: string } {
  const found = new Set<string>()
  for (const server of servers ?? []) {
    const path = pathOf(server)
    if (path === undefined)
      return { failure: `${server.url} does not say where paths begin: give basePath with the target` }
    found.add(path)
  }
  const [basePath = '', ...others] = found
  return others.length === 0
    ? { basePath }
    : {
        failure: `paths begin at ${[...found].map((one) => (one === '' ? '/' : one)).join(', ')}: give basePath with the target`,
      }
}

/** Undefined for what is relative to where the document was published, or has variables without a value. */
function pathOf({ url, variables = {} }: OpenApiServer): string | undefined {
  const full = url.replaceAll(/\{([^{}]*)\}/g, (whole, name: string) => variables[name]?.default ?? whole)
  const [, path] = /^(?:[a-z][a-z0-9+.-]*:\/\/[^/?#]*)?((?:\/(?!\/)[^?#{}]*)?)$/i.exec(full) ?? []
  return path?.replace(/\/+$/, '')
}
