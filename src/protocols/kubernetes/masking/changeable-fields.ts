import type { PathStep } from '../../../shared/field-path.ts'
import { fullName, knownResource } from '../request/resources.ts'
import type { Owner } from './masked-fields.ts'

/**
 * Who says whether a field keeps the value that its object was created with. A write of the very same value to such a field succeeds and any other
 * is an error, which tells a right guess and destroys nothing.
 * - `nobody`: it can always be changed.
 * - `object`: the object itself may say so (`immutable: true`).
 * - `definition`: the definition of a custom resource may, by a transition rule.
 * - `server`: the API server may, for this field.
 */
export type FixedBy = 'nobody' | 'object' | 'definition' | 'server'

/** Closed: a field that is not listed may be fixed. */
export function fixedBy({ resource, group }: Pick<Owner, 'resource' | 'group'>, path: readonly PathStep[]): FixedBy {
  const name = fullName(resource, group)
  if (beginsWith(path, OF_ALL)) return 'nobody'
  if (beginsWith(path, OF_OBJECTS.get(name) ?? [])) return 'object'
  if (knownResource(group, resource) === undefined) return 'definition'
  return beginsWith(path, CHANGEABLE.get(name) ?? []) ? 'nobody' : 'server'
}

const beginsWith = (path: readonly PathStep[], places: readonly (readonly string[])[]): boolean =>
  places.some((place) => place.every((step, index) => path[index] === step))

type Places = ReadonlyMap<string, readonly (readonly string[])[]>

const stepsOf = (place: string): readonly string[] => place.split('.')

const placesOf = (places: Readonly<Record<string, readonly string[]>>): Places =>
  new Map(Object.entries(places).map(([name, paths]) => [name, paths.map(stepsOf)]))

/** Rules of custom resources cannot restrict them (CustomResourceDefinition v1, `x-kubernetes-validations`). */
const OF_ALL = ['metadata.labels', 'metadata.annotations'].map(stepsOf)

/** Source: ValidateSecretUpdate and ValidateConfigMapUpdate (k8s.io/kubernetes/pkg/apis/core/validation). */
const OF_OBJECTS = placesOf({ secrets: ['data', 'stringData'], configmaps: ['data', 'binaryData'] })

/**
 * What no check of an update compares with the object that was there: rules of roles are checked for escalation only where they change, and addresses
 * of services only where they are new. Source: k8s.io/kubernetes, pkg/apis (Validate…Update), pkg/registry/rbac and plugin/pkg/admission of 1.37.
 */
const CHANGEABLE = placesOf({
  limitranges: ['spec.limits'],
  podtemplates: ['template'],
  replicationcontrollers: ['spec.template'],
  resourcequotas: ['spec.hard'],
  serviceaccounts: ['secrets', 'imagePullSecrets', 'automountServiceAccountToken'],
  services: ['spec.externalName', 'spec.selector', 'spec.loadBalancerSourceRanges'],
  'cronjobs.batch': ['spec.jobTemplate'],
  'daemonsets.apps': ['spec.template'],
  'deployments.apps': ['spec.template'],
  'replicasets.apps': ['spec.template'],
  'statefulsets.apps': ['spec.template'],
  'ingresses.networking.k8s.io': ['spec'],
  'networkpolicies.networking.k8s.io': ['spec'],
  'mutatingwebhookconfigurations.admissionregistration.k8s.io': ['webhooks'],
  'validatingwebhookconfigurations.admissionregistration.k8s.io': ['webhooks'],
})
