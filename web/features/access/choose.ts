import type { AccessRequest, Grant, Target } from '../../../src/api/schemas/access.ts'
import { describeApprovers, jointApprovers } from '../../../src/policy/joint-approvers.ts'
import { formatDuration, formatDateTime } from '../../lib/format.ts'

/** What a link has filled in: a person looks at it, and sends it. */
export interface Filled {
  readonly targets: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly reason: string
  readonly length: string
  readonly start: string
  /** What of the link is not in the form, and why: silence would look like consent. */
  readonly ignored: readonly string[]
}

/**
 * From the URL of a page; undefined where it names no target and no label. All of the targets are kept: that they are too many for one request the form
 * says. What it cannot take as it stands is in `ignored`.
 */
export function filledBy(query: URLSearchParams): Filled | undefined {
  const targets = [...new Set(query.getAll('target'))]
  const ignored: string[] = []
  const labels = new Map<string, string>()
  for (const label of query.getAll('label')) {
    const at = label.indexOf('=')
    const [name, value] = [label.slice(0, at), label.slice(at + 1)]
    const known = labels.get(name)
    if (at <= 0) ignored.push(`label "${label}": a label is NAME=VALUE`)
    else if (known !== undefined && known !== value)
      ignored.push(`label "${label}": no target has ${name}=${known} as well`)
    else labels.set(name, value)
  }
  if (targets.length === 0 && labels.size === 0) return undefined
  const text = (key: string): string => {
    const given = query.get(key) ?? ''
    if (given.length > MAX_TEXT) ignored.push(`${key}: what is behind its first ${MAX_TEXT} characters`)
    return given.slice(0, MAX_TEXT)
  }
  const [reason, length, start] = [text('reason'), text('for'), text('start')]
  return { targets, labels: Object.fromEntries(labels), reason, length, start, ignored }
}

/** A link to one target fills in the form on its card. */
export const isForSeveral = ({ targets, labels }: Filled): boolean =>
  targets.length > 1 || Object.keys(labels).length > 0

/** One target, and whether it can be part of a request. */
export interface Choice {
  readonly target: Target
  /** Why it cannot be requested. */
  readonly problem?: string
  /** What should be known before it is requested. */
  readonly note?: string
}

/** Those that can be requested come first; otherwise in the given order. */
export function choicesOf(
  targets: readonly Target[],
  grants: readonly Pick<Grant, 'target' | 'endsAt'>[],
  requests: readonly AccessRequest[],
): Choice[] {
  const choices = targets.map((target): Choice => {
    const problem = problemOf(target, requests)
    if (problem !== undefined) return { target, problem }
    const [endsAt] = grants
      .filter(({ target: name }) => name === target.name)
      .map((grant) => grant.endsAt)
      .toSorted()
      .toReversed()
    if (endsAt === undefined) return { target }
    return { target, note: `you have access until ${formatDateTime(endsAt)}; an approval gives a second grant` }
  })
  return choices.toSorted((a, b) => Number(a.problem !== undefined) - Number(b.problem !== undefined))
}

function problemOf({ name, grant, locked }: Target, requests: readonly AccessRequest[]): string | undefined {
  if (locked !== undefined) return locked
  if (grant === 'standing') return 'needs no request: you have standing access'
  if (grant === 'break-glass') return 'cannot be requested: access in an emergency only'
  const twin = requests.find((request) => request.state === 'pending' && isFor(request, name))
  return twin === undefined ? undefined : `already requested: ${twin.id}`
}

/** Whether a target is one of those requested. */
export const isFor = ({ target, targets }: AccessRequest, name: string): boolean =>
  targets?.some((one) => one.name === name) ?? target === name

/** Names of those with all of the labels, except those that the person has access to already. */
export const withLabels = (choices: readonly Choice[], labels: Readonly<Record<string, string>>): string[] =>
  choices
    .filter(({ problem, note }) => problem === undefined && note === undefined)
    .filter(({ target }) => hasLabels(target, labels))
    .map(({ target: { name } }) => name)

export const hasLabels = (target: Target, labels: Readonly<Record<string, string>>): boolean =>
  Object.entries(labels).every(([label, value]) => target.labels[label] === value)

/** `env=prod` of each target, each once. */
export const labelsIn = (targets: readonly Target[]): string[] =>
  [
    ...new Set(targets.flatMap(({ labels }) => Object.entries(labels).map(([label, value]) => `${label}=${value}`))),
  ].toSorted()

/** Targets in which every word is somewhere: in the name, the type, a label or the rule. */
export function matchingTargets<Item>(
  items: readonly Item[],
  targetOf: (item: Item) => Target,
  filter: string,
): Item[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean)
  return items.filter((item) => {
    const { name, type, labels, rule = '', access } = targetOf(item)
    const all = [name, type, rule, access, ...Object.entries(labels).map(([label, value]) => `${label}=${value}`)]
    const text = all.join('\n').toLowerCase()
    return words.every((word) => text.includes(word))
  })
}

/** What holds for one request for all of them. Approvers: undefined where a gateway up to 0.2 does not say them. */
export interface Together {
  readonly longestMs: number
  readonly reasonRequired: boolean
  readonly approvers?: string
  /** Why they cannot be requested together. */
  readonly problem?: string
}

export function together(targets: readonly Target[]): Together {
  const limits = {
    longestMs: Math.min(...targets.map(({ longestMs }) => longestMs)),
    reasonRequired: targets.some(({ reasonRequired }) => reasonRequired),
  }
  if (targets.length > MAX_TARGETS)
    return {
      ...limits,
      problem: `One request can be for at most ${MAX_TARGETS} targets; you have chosen ${targets.length}.`,
    }
  const asked = targets.flatMap(({ approvers }) => (approvers === undefined ? [] : [approvers]))
  if (asked.length < targets.length || asked.length === 0) return limits
  const joint = jointApprovers(asked)
  if (joint !== undefined) return { ...limits, approvers: describeApprovers(joint) }
  const who = targets.map(({ name, approvers }) => `${name} (${approvers?.groups.join(' or ') ?? ''})`).join(', ')
  return {
    ...limits,
    problem: `No group of approvers decides on all of these targets: ${who}. Request targets with different approvers separately.`,
  }
}

/** The duration that a form begins with: an hour, or less where that is the limit. */
export const usualLength = (longestMs: number): string => formatDuration(Math.min(longestMs, 3_600_000))

/** The same as the API's. */
export const MAX_TARGETS = 20
/** Characters of a reason. The same as the API's. */
const MAX_TEXT = 1000
