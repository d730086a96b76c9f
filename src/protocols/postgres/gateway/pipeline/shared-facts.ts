import type { Catalog } from '../../catalog/catalog.ts'
import type { GuardOptions } from '../../dialect/guard.ts'
import type { ParsedText } from '../../dialect/sql-parser.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { MaskingScope } from '../../masking/scope.ts'

/**
 * What a text does depends on the text, the catalogs (a search path is part of them), what is masked, and whether the session is
 * read-only or has the account to itself, and which settings are pinned. Sessions for which all of these are the same objects share what was found out.
 */
export function sharedFacts(
  catalog: Catalog,
  masking: MaskingScope,
  { readOnly, ownAccount, pinned }: GuardOptions,
): WeakMap<ParsedText, StatementFacts> {
  const byScope = known.get(catalog) ?? new WeakMap<MaskingScope, Map<string, WeakMap<ParsedText, StatementFacts>>>()
  known.set(catalog, byScope)
  const byOptions = byScope.get(masking) ?? new Map<string, WeakMap<ParsedText, StatementFacts>>()
  byScope.set(masking, byOptions)
  const options = JSON.stringify([readOnly, ownAccount, [...pinned]])
  const facts = byOptions.get(options) ?? new WeakMap<ParsedText, StatementFacts>()
  byOptions.set(options, facts)
  return facts
}

const known = new WeakMap<Catalog, WeakMap<MaskingScope, Map<string, WeakMap<ParsedText, StatementFacts>>>>()
