import { MAX_RESULTS } from '../scim/discovery.ts'
import type { Condition } from '../scim/filter.ts'
import { shown } from '../scim/read-resource.ts'
import { badRequest, ScimError } from '../scim/scim-error.ts'

/** Which part of a list is asked for (RFC 7644, section 3.4.2.4): from 1. */
export interface Page {
  readonly startIndex: number
  readonly count: number
}

/** What is below 1 is 1, and a negative count is 0, as the RFC has it; what is no number is refused. */
export function readPage(query: { readonly startIndex?: string; readonly count?: string }): Page {
  const number = (name: 'startIndex' | 'count', otherwise: number): number => {
    const text = query[name]
    if (text === undefined) return otherwise
    if (!/^-?\d{1,9}$/.test(text)) throw badRequest('invalidValue', `${name}: expected a number`)
    return Number(text)
  }
  return {
    startIndex: Math.max(1, number('startIndex', 1)),
    count: Math.min(MAX_RESULTS, Math.max(0, number('count', DEFAULT_COUNT))),
  }
}

/** Conditions that all must hold, by attribute; undefined where two contradict each other. */
export function filterFrom<Name extends string>(
  conditions: readonly Condition<Name>[],
): Partial<Record<Name, string>> | undefined {
  const filter: Partial<Record<Name, string>> = {}
  for (const { attribute, value } of conditions) {
    if (filter[attribute] !== undefined && filter[attribute] !== value) return undefined
    filter[attribute] = value
  }
  return filter
}

export const noSuch = (type: 'User' | 'Group', id: string): ScimError =>
  new ScimError(404, `${type} ${shown(id)} was not found`)

export const conflicting = (attribute: string, value: string): ScimError =>
  new ScimError(409, `${attribute}: ${shown(value)} is taken`, 'uniqueness')

const DEFAULT_COUNT = 100
