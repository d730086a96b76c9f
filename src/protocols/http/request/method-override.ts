import type { Parameter } from './http-request.ts'

/**
 * The name of a parameter by which frameworks take a request for one of another method: Rails, Laravel, Symfony, Express and WordPress
 * `_method`, others the names of headers.
 */
export const overridingName = (parameters: readonly Pick<Parameter, 'name'>[]): string | undefined =>
  parameters.find(({ name }) => isOverriding(name))?.name

/** PHP and others have the same name in several spellings. */
export const isOverriding = (name: string): boolean =>
  OVERRIDING.has(
    name
      .trim()
      .replace(/\[.*$/s, '')
      .replace(/[-. $]/g, '_')
      .toLowerCase()
      .replace(/^_+/, '_'),
  )

const OVERRIDING = new Set([
  '_method',
  '_http_method',
  '_httpmethod',
  'http_method_override',
  'httpmethodoverride',
  'method_override',
  'methodoverride',
  'x_http_method',
  'x_http_method_override',
  'x_method_override',
  'x_tunneled_method',
])
