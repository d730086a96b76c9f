import { expect, it } from 'vitest'
import { fixedBy } from '../../../../src/protocols/kubernetes/masking/changeable-fields.ts'

it.each([
  ['secrets', '', ['data', null], 'object'],
  ['secrets', '', ['type'], 'server'],
  ['secrets', '', [null], 'server'],
  ['configmaps', '', ['binaryData', 'a'], 'object'],
  ['pods', '', ['metadata', 'annotations', 'a'], 'nobody'],
  ['pods', '', ['metadata'], 'server'],
  ['pods', '', ['spec', 'containers', null, 'image'], 'server'],
  ['deployments', 'apps', ['spec', 'template', 'spec'], 'nobody'],
  ['deployments', 'apps', ['spec', 'selector'], 'server'],
  ['roles', 'rbac.authorization.k8s.io', ['rules'], 'server'],
  ['things', 'example.com', ['spec', 'token'], 'definition'],
  ['things', 'example.com', ['metadata', 'labels', 'a'], 'nobody'],
  // A resource of another group is another resource.
  ['secrets', 'example.com', ['data', 'a'], 'definition'],
  // No member of an object of JavaScript is a resource.
  ['constructor', '', ['data'], 'definition'],
] as const)('whether %s %s %j can be changed is said by: %s', (resource, group, path, by) => {
  expect(fixedBy({ resource, group }, path)).toBe(by)
})
