import {
  NO_DETAIL,
  type Assign,
  type Built,
  type Call,
  type Column,
  type Expression,
  type Logic,
  type Name,
  type Opaque,
  type Operation,
  type Utility,
  type UtilityDetail,
} from '../../../../sql/query.ts'

// Nodes of the dialect-independent tree, without the parts that a text does not have.

const bare = (name: string): Name => ({ schema: undefined, name })

export const column = (...path: string[]): Column => ({ kind: 'column', path })

export const call = (name: string | Name, args: readonly Expression[], more: Partial<Call> = {}): Call => ({
  kind: 'call',
  name: typeof name === 'string' ? bare(name) : name,
  args,
  filter: undefined,
  order: [],
  ordered: false,
  window: undefined,
  ...more,
})

export const operation = (
  operators: string | readonly string[],
  args: readonly Expression[],
  form: Operation['form'] = 'plain',
  negated = false,
): Operation => ({
  kind: 'operation',
  form,
  negated,
  operators: typeof operators === 'string' ? [bare(operators)] : operators.map(bare),
  args,
})

export const logic = (how: Logic['how'], args: readonly Expression[]): Logic => ({ kind: 'logic', how, args })

export const assign = (variable: string, value: Expression): Assign => ({ kind: 'assign', variable, value })

export const built = (what: string, args: readonly Expression[]): Built => ({
  kind: 'built',
  what,
  args,
  total: false,
  filter: undefined,
  order: [],
  window: undefined,
  types: [],
})

export const opaque = (what: string, reads: readonly Name[] = []): Opaque => ({ kind: 'opaque', what, reads })

type UtilityParts = Partial<Omit<Utility, 'kind' | 'does' | 'detail'>> & { readonly detail?: Partial<UtilityDetail> }

export const utility = (does: string | readonly string[], { detail = {}, ...more }: UtilityParts = {}): Utility => ({
  kind: 'utility',
  does: typeof does === 'string' ? [does] : does,
  reads: [],
  writes: [],
  makes: [],
  on: undefined,
  expressions: [],
  statements: [],
  types: [],
  operators: [],
  unknown: [],
  ...more,
  detail: { ...NO_DETAIL, ...detail },
})
