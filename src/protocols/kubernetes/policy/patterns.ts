import type { CheckPattern } from '../../../policy/patterns.ts'
import { parseFieldPattern, parsePointerPattern } from '../../../shared/field-path.ts'
import { knownResource, namesOfResource } from '../request/resources.ts'

/** `pods`, `deployments.apps`, `pods/exec`, `*.example.com`, `*`. */
export const checkResource: CheckPattern = (pattern) => {
  const [, resource = '', group = ''] = /^(\*|[a-z][a-z0-9-]*)(?:\.([a-z0-9.-]+))?(?:\/[a-z*]+)?$/.exec(pattern) ?? []
  if (resource === '')
    return `"${pattern}": expected RESOURCE, RESOURCE.GROUP or either with /SUBRESOURCE, in lower case and plural; * for any resource`
  if (resource === '*' || group !== '' || knownResource('', resource) !== undefined) return undefined
  const names = namesOfResource(resource)
  return names.length > 0
    ? `"${pattern}" is not of the core group: write ${names.join(' or ')}`
    : `"${pattern}" is no resource of the core group: write RESOURCE.GROUP, as kubectl api-resources shows them`
}

/** `secrets:data.*`. */
export const checkField: CheckPattern = (pattern) => {
  const owner = parseFieldPattern(pattern)?.owner
  return owner === undefined || parsePointerPattern(pattern) !== undefined
    ? `"${pattern}": expected RESOURCE:PATH such as secrets:data.*`
    : checkResource(owner)
}

export const checkNamespace: CheckPattern = (pattern) =>
  /^[a-z0-9*]([a-z0-9*-]*[a-z0-9*])?$/.test(pattern)
    ? undefined
    : `"${pattern}": expected a namespace, with * for any characters`

export const checkObject: CheckPattern = (pattern) =>
  /^[\w.*:@-]+$/.test(pattern) ? undefined : `"${pattern}": expected the name of an object, with * for any characters`

export const checkImage: CheckPattern = (pattern) =>
  /^[\w.*:@/-]+$/.test(pattern)
    ? undefined
    : `"${pattern}": expected an image such as registry.example.com/team/*, with * for any characters`
