import { wordList } from '../../../shared/word-list.ts'
import { keysOf } from '../../../shared/records.ts'

/**
 * Every node of PostgreSQL's grammar, and how each of its fields is handled. A test compares this table with the parser's own list, so
 * that a new version cannot add a field unnoticed; at run time, a node or field that is missing here is opaque.
 */
export type Role =
  /** Read by a mapping of its own (to-query.ts, to-utility.ts). */
  | 'maps'
  /** Its content is read by its own type: an expression, a query, a relation, a type, or a node with a row in this table. */
  | 'walks'
  /** Names and numbers of what the statement defines, changes or drops. They neither read nor run anything. */
  | 'labels'
  /** How something is spelled, displayed or stored: flags that affect neither what is read, nor what runs, nor what is written. */
  | 'manner'
  /** Stored and not evaluated now. Its effect is either analysed when it is used, or makes the effect of this statement unknown. */
  | 'later'
  /** Set by parse analysis, never by the grammar: if it is set nevertheless, the node is opaque. */
  | 'never'

type Fields = Readonly<Partial<Record<Role, string>>>

/** By node. The position in the text (`location` and the like) is part of every node and has no meaning. */
const NODES: Readonly<Record<string, Fields>> = {
  // values and names
  Integer: { maps: 'ival' },
  Float: { maps: 'fval' },
  Boolean: { maps: 'boolval' },
  String: { maps: 'sval' },
  BitString: { maps: 'bsval' },
  List: { maps: 'items' },
  A_Const: { maps: 'ival fval boolval sval bsval isnull' },
  A_Star: {},
  Alias: { maps: 'aliasname colnames' },
  TypeName: { maps: 'names typmods arrayBounds', walks: 'setof pct_type', never: 'typeOid', manner: 'typemod' },
  RoleSpec: { labels: 'roletype rolename' },
  // expressions
  ColumnRef: { maps: 'fields' },
  ParamRef: { maps: 'number' },
  A_Expr: { maps: 'kind name lexpr rexpr' },
  TypeCast: { maps: 'arg typeName' },
  // Nothing is known about comparisons with a collation other than the default.
  CollateClause: { maps: 'arg', manner: 'collname' },
  FuncCall: {
    maps: 'funcname args agg_order agg_filter agg_within_group agg_distinct over',
    manner: 'agg_star func_variadic funcformat',
  },
  NamedArgExpr: { maps: 'arg', manner: 'name argnumber' },
  A_Indices: { maps: 'lidx uidx', manner: 'is_slice' },
  A_Indirection: { maps: 'arg indirection' },
  A_ArrayExpr: { maps: 'elements' },
  MultiAssignRef: { maps: 'source colno', manner: 'ncolumns' },
  BoolExpr: { maps: 'boolop args' },
  SubLink: { maps: 'subLinkType testexpr operName subselect', never: 'subLinkId' },
  CaseExpr: { maps: 'arg args defresult', never: 'casetype casecollid' },
  CaseWhen: { maps: 'expr result' },
  RowExpr: { maps: 'args', manner: 'row_format', never: 'row_typeid colnames' },
  CoalesceExpr: { maps: 'args', never: 'coalescetype coalescecollid' },
  MinMaxExpr: { maps: 'op args', never: 'minmaxtype minmaxcollid inputcollid' },
  SQLValueFunction: { manner: 'op typmod', never: 'type' },
  NullTest: { maps: 'arg nulltesttype', never: 'argisrow' },
  BooleanTest: { maps: 'arg booltesttype' },
  SetToDefault: { never: 'typeId typeMod collation' },
  CurrentOfExpr: { manner: 'cursor_name cursor_param', never: 'cvarno' },
  GroupingFunc: { maps: 'args', never: 'refs agglevelsup' },
  GroupingSet: { maps: 'content', manner: 'kind' },
  MergeSupportFunc: { manner: 'msftype', never: 'msfcollid' },
  XmlExpr: { maps: 'op named_args args', manner: 'name xmloption indent', never: 'arg_names type typmod' },
  XmlSerialize: { maps: 'expr typeName', manner: 'xmloption indent' },
  JsonFormat: { maps: 'format_type', manner: 'encoding' },
  JsonReturning: { manner: 'format', never: 'typid typmod' },
  JsonOutput: { maps: 'typeName', manner: 'returning' },
  JsonValueExpr: { maps: 'raw_expr format', never: 'formatted_expr' },
  JsonArgument: { maps: 'val', manner: 'name' },
  JsonBehavior: { maps: 'expr', manner: 'btype', never: 'coerce' },
  JsonIsPredicate: { maps: 'expr', manner: 'format item_type unique_keys' },
  JsonFuncExpr: {
    maps: 'context_item pathspec passing output on_empty on_error',
    manner: 'op column_name wrapper quotes',
  },
  JsonKeyValue: { maps: 'key value' },
  JsonParseExpr: { maps: 'expr output', manner: 'unique_keys' },
  JsonScalarExpr: { maps: 'expr output' },
  JsonSerializeExpr: { maps: 'expr output' },
  JsonObjectConstructor: { maps: 'exprs output unique', manner: 'absent_on_null' },
  JsonArrayConstructor: { maps: 'exprs output', manner: 'absent_on_null' },
  JsonArrayQueryConstructor: { maps: 'query output', manner: 'format absent_on_null' },
  JsonAggConstructor: { maps: 'output agg_filter agg_order over' },
  JsonObjectAgg: { maps: 'constructor arg', manner: 'absent_on_null unique' },
  JsonArrayAgg: { maps: 'constructor arg', manner: 'absent_on_null' },
  // queries
  SelectStmt: {
    maps: `distinctClause intoClause targetList fromClause whereClause groupClause groupDistinct havingClause windowClause
      valuesLists sortClause limitOffset limitCount lockingClause withClause op all larg rarg`,
    // WITH TIES also returns the rows that are equal to the last one by ORDER BY.
    manner: 'limitOption',
  },
  IntoClause: {
    maps: 'rel',
    manner: 'accessMethod options onCommit tableSpaceName skipData colNames',
    never: 'viewQuery',
  },
  ResTarget: { maps: 'name indirection val' },
  SortBy: { maps: 'node useOp', manner: 'sortby_dir sortby_nulls' },
  WindowDef: { maps: 'name refname partitionClause orderClause startOffset endOffset', manner: 'frameOptions' },
  WithClause: { maps: 'ctes recursive' },
  CommonTableExpr: {
    maps: 'ctename aliascolnames ctequery search_clause cycle_clause',
    manner: 'ctematerialized',
    never: 'cterecursive cterefcount ctecolnames ctecoltypes ctecoltypmods ctecolcollations',
  },
  CTESearchClause: { manner: 'search_col_list search_breadth_first search_seq_column' },
  CTECycleClause: {
    maps: 'cycle_mark_value cycle_mark_default',
    manner: 'cycle_col_list cycle_mark_column cycle_path_column',
    never: 'cycle_mark_type cycle_mark_typmod cycle_mark_collation cycle_mark_neop',
  },
  // Decides which rows are locked, not which are read.
  LockingClause: { manner: 'lockedRels strength waitPolicy' },
  RangeVar: { maps: 'schemaname relname alias inh', manner: 'relpersistence', labels: 'catalogname' },
  RangeSubselect: { maps: 'lateral subquery alias' },
  RangeFunction: { maps: 'functions alias coldeflist', manner: 'lateral ordinality is_rowsfrom' },
  RangeTableSample: { maps: 'relation method args repeatable' },
  RangeTableFunc: { maps: 'docexpr rowexpr namespaces columns alias', manner: 'lateral' },
  RangeTableFuncCol: { maps: 'typeName colexpr coldefexpr', manner: 'colname for_ordinality is_not_null' },
  JsonTable: { maps: 'context_item pathspec passing columns on_error alias', manner: 'lateral' },
  JsonTablePathSpec: { maps: 'string', manner: 'name name_location' },
  JsonTableColumn: {
    maps: 'typeName pathspec columns on_empty on_error',
    manner: 'coltype name format wrapper quotes',
  },
  JoinExpr: {
    maps: 'isNatural larg rarg usingClause join_using_alias quals alias',
    manner: 'jointype',
    never: 'rtindex',
  },
  // writes
  InsertStmt: {
    maps: 'relation cols selectStmt onConflictClause returningClause withClause',
    manner: 'override',
  },
  OnConflictClause: { maps: 'infer targetList whereClause', manner: 'action' },
  InferClause: { maps: 'indexElems whereClause', labels: 'conname' },
  UpdateStmt: { maps: 'relation targetList whereClause fromClause returningClause withClause' },
  DeleteStmt: { maps: 'relation usingClause whereClause returningClause withClause' },
  MergeStmt: { maps: 'relation sourceRelation joinCondition mergeWhenClauses returningClause withClause' },
  MergeWhenClause: { maps: 'matchKind commandType condition targetList values', manner: 'override' },
  ReturningClause: { maps: 'options exprs' },
  ReturningOption: { maps: 'value', manner: 'option' },
  // definitions of tables and their parts
  CreateStmt: {
    maps: 'relation inhRelations constraints partbound tableElts',
    walks: 'partspec ofTypename',
    manner: 'options oncommit tablespacename accessMethod if_not_exists',
    never: 'nnconstraints',
  },
  ColumnDef: {
    walks: 'typeName raw_default constraints fdwoptions',
    labels: 'colname',
    manner: 'compression is_local is_not_null identity generated storage_name collClause',
    never: 'inhcount is_from_type storage cooked_default identitySequence collOid',
  },
  Constraint: {
    maps: 'contype conname pktable pk_attrs exclusions options',
    walks: 'raw_expr where_clause',
    labels: 'keys including indexname fk_attrs fk_del_set_cols',
    manner: `deferrable initdeferred is_enforced skip_validation initially_valid is_no_inherit generated_when generated_kind
      nulls_not_distinct without_overlaps indexspace reset_default_tblspc access_method fk_with_period
      pk_with_period fk_matchtype fk_upd_action fk_del_action`,
    never: 'cooked_expr old_conpfeqop old_pktable_oid',
  },
  TableLikeClause: { walks: 'relation', manner: 'options', never: 'relationOid' },
  PartitionSpec: { walks: 'partParams', manner: 'strategy' },
  PartitionElem: { walks: 'expr', maps: 'opclass', labels: 'name', manner: 'collation' },
  PartitionBoundSpec: { walks: 'listdatums lowerdatums upperdatums', manner: 'strategy is_default modulus remainder' },
  PartitionRangeDatum: { walks: 'value', manner: 'kind' },
  PartitionCmd: { maps: 'name', walks: 'bound', manner: 'concurrent' },
  IndexElem: {
    maps: 'name expr opclass',
    manner: 'indexcolname collation opclassopts ordering nulls_ordering',
  },
  IndexStmt: {
    maps: 'idxname relation indexParams whereClause',
    labels: 'indexIncludingParams',
    manner: `accessMethod tableSpace options unique nulls_not_distinct primary isconstraint iswithoutoverlaps deferrable
      initdeferred concurrent if_not_exists reset_default_tblspc`,
    never: 'excludeOpNames idxcomment indexOid oldNumber oldCreateSubid oldFirstRelfilelocatorSubid transformed',
  },
  CreateStatsStmt: {
    maps: 'relations exprs',
    labels: 'defnames',
    manner: 'stat_types if_not_exists',
    never: 'stxcomment transformed',
  },
  StatsElem: { walks: 'expr', labels: 'name' },
  CreateForeignTableStmt: { maps: 'base', walks: 'options', labels: 'servername' },
  CreateTableAsStmt: { maps: 'query into objtype', manner: 'is_select_into if_not_exists' },
  ViewStmt: { maps: 'view query', labels: 'aliases', manner: 'replace options withCheckOption' },
  RefreshMatViewStmt: { maps: 'relation', manner: 'concurrent skipData' },
  CreateSeqStmt: { maps: 'sequence', walks: 'options', manner: 'if_not_exists', never: 'ownerId for_identity' },
  AlterSeqStmt: { maps: 'sequence', walks: 'options', manner: 'missing_ok', never: 'for_identity' },
  CompositeTypeStmt: { maps: 'typevar', walks: 'coldeflist' },
  CreateSchemaStmt: { walks: 'schemaElts', labels: 'schemaname authrole', manner: 'if_not_exists' },
  RuleStmt: { maps: 'relation', later: 'whereClause actions', labels: 'rulename', manner: 'event instead replace' },
  CreateTrigStmt: {
    maps: 'relation',
    walks: 'constrrel whenClause',
    later: 'funcname args',
    labels: 'trigname columns transitionRels',
    manner: 'replace isconstraint row timing events deferrable initdeferred',
  },
  TriggerTransition: { labels: 'name', manner: 'isNew isTable' },
  CreatePolicyStmt: {
    maps: 'table',
    walks: 'qual with_check',
    labels: 'policy_name roles',
    manner: 'cmd_name permissive',
  },
  AlterPolicyStmt: { maps: 'table', walks: 'qual with_check', labels: 'policy_name roles' },
  // changes
  AlterTableStmt: { maps: 'relation objtype', walks: 'cmds', manner: 'missing_ok' },
  AlterTableCmd: {
    maps: 'subtype behavior',
    walks: 'def',
    labels: 'name num newowner',
    manner: 'missing_ok recurse',
  },
  ATAlterConstraint: {
    labels: 'conname',
    manner: 'alterEnforceability is_enforced alterDeferrability deferrable initdeferred alterInheritability noinherit',
  },
  ReplicaIdentityStmt: { labels: 'name', manner: 'identity_type' },
  AlterDomainStmt: { maps: 'behavior', walks: 'def', labels: 'typeName name', manner: 'subtype missing_ok' },
  AlterTypeStmt: { later: 'options', labels: 'typeName' },
  AlterEnumStmt: { labels: 'typeName oldVal newVal newValNeighbor', manner: 'newValIsAfter skipIfNewValExists' },
  AlterCollationStmt: { labels: 'collname' },
  AlterStatsStmt: { walks: 'stxstattarget', labels: 'defnames', manner: 'missing_ok' },
  AlterOperatorStmt: { walks: 'opername', later: 'options' },
  AlterFunctionStmt: { walks: 'func', manner: 'objtype actions' },
  AlterObjectDependsStmt: { maps: 'relation', labels: 'object extname', manner: 'objectType remove' },
  AlterObjectSchemaStmt: { maps: 'relation objectType', labels: 'object newschema', manner: 'missing_ok' },
  AlterOwnerStmt: { maps: 'relation', labels: 'object newowner', manner: 'objectType' },
  RenameStmt: {
    maps: 'renameType relation subname behavior',
    labels: 'object newname',
    manner: 'relationType missing_ok',
  },
  DropStmt: { maps: 'objects removeType behavior', manner: 'missing_ok concurrent' },
  TruncateStmt: { maps: 'relations behavior', manner: 'restart_seqs' },
  CommentStmt: { labels: 'object', manner: 'objtype comment' },
  SecLabelStmt: { labels: 'object provider', manner: 'objtype label' },
  ObjectWithArgs: { walks: 'objargs objfuncargs', labels: 'objname', manner: 'args_unspecified' },
  DefElem: { maps: 'defname arg', manner: 'defnamespace defaction' },
  // code
  CreateFunctionStmt: {
    maps: 'is_procedure options',
    later: 'parameters returnType sql_body',
    labels: 'funcname',
    manner: 'replace',
  },
  FunctionParameter: { walks: 'argType', later: 'defexpr', labels: 'name', manner: 'mode' },
  CreateDomainStmt: { walks: 'typeName constraints', labels: 'domainname', manner: 'collClause' },
  CreateEnumStmt: { labels: 'typeName vals' },
  CreateRangeStmt: { maps: 'params', labels: 'typeName' },
  DefineStmt: {
    maps: 'kind',
    later: 'args definition',
    labels: 'defnames',
    manner: 'oldstyle if_not_exists replace',
  },
  CreateOpClassStmt: { later: 'items', labels: 'opclassname opfamilyname amname datatype', manner: 'isDefault' },
  CreateOpClassItem: { later: 'name order_family class_args storedtype', manner: 'itemtype number' },
  CreateOpFamilyStmt: { labels: 'opfamilyname amname' },
  AlterOpFamilyStmt: { later: 'items', labels: 'opfamilyname amname', manner: 'isDrop' },
  CreateCastStmt: { later: 'sourcetype targettype func', manner: 'context inout' },
  CreateTransformStmt: { later: 'type_name fromsql tosql', labels: 'lang', manner: 'replace' },
  CreateConversionStmt: {
    later: 'func_name',
    labels: 'conversion_name for_encoding_name to_encoding_name',
    manner: 'def',
  },
  CreatePLangStmt: { later: 'plhandler plinline plvalidator', labels: 'plname', manner: 'replace pltrusted' },
  CreateAmStmt: { later: 'handler_name', labels: 'amname', manner: 'amtype' },
  CreateEventTrigStmt: { later: 'whenclause funcname', labels: 'trigname eventname' },
  AlterEventTrigStmt: { labels: 'trigname', manner: 'tgenabled' },
  AlterTSDictionaryStmt: { later: 'options', labels: 'dictname' },
  AlterTSConfigurationStmt: { labels: 'cfgname tokentype dicts', manner: 'kind override replace missing_ok' },
  DoStmt: { later: 'args' },
  CallStmt: { maps: 'funccall', never: 'funcexpr outargs' },
  LoadStmt: { labels: 'filename' },
  CreateExtensionStmt: { walks: 'options', labels: 'extname', manner: 'if_not_exists' },
  AlterExtensionStmt: { walks: 'options', labels: 'extname' },
  AlterExtensionContentsStmt: { labels: 'extname object', manner: 'action objtype' },
  // foreign data and replication
  CreateFdwStmt: { later: 'func_options', walks: 'options', labels: 'fdwname' },
  AlterFdwStmt: { later: 'func_options', walks: 'options', labels: 'fdwname' },
  CreateForeignServerStmt: {
    walks: 'options',
    labels: 'servername servertype version fdwname',
    manner: 'if_not_exists',
  },
  AlterForeignServerStmt: { walks: 'options', labels: 'servername version', manner: 'has_version' },
  CreateUserMappingStmt: { walks: 'options', labels: 'user servername', manner: 'if_not_exists' },
  AlterUserMappingStmt: { walks: 'options', labels: 'user servername' },
  DropUserMappingStmt: { labels: 'user servername', manner: 'missing_ok' },
  ImportForeignSchemaStmt: {
    walks: 'options',
    labels: 'server_name remote_schema local_schema',
    manner: 'list_type',
    // Names of tables on the other server.
    later: 'table_list',
  },
  CreatePublicationStmt: { walks: 'options pubobjects', labels: 'pubname', manner: 'for_all_tables' },
  AlterPublicationStmt: { walks: 'options pubobjects', labels: 'pubname', manner: 'for_all_tables action' },
  PublicationObjSpec: { walks: 'pubtable', labels: 'name', manner: 'pubobjtype' },
  PublicationTable: { maps: 'relation', walks: 'whereClause', labels: 'columns' },
  CreateSubscriptionStmt: { walks: 'options', labels: 'subname conninfo publication' },
  AlterSubscriptionStmt: { walks: 'options', labels: 'subname conninfo publication', manner: 'kind' },
  DropSubscriptionStmt: { labels: 'subname', manner: 'missing_ok behavior' },
  // roles, databases, the server
  GrantStmt: {
    maps: 'targtype',
    walks: 'objects privileges',
    labels: 'grantees grantor',
    manner: 'is_grant objtype grant_option behavior',
  },
  AccessPriv: { labels: 'priv_name cols' },
  GrantRoleStmt: { labels: 'granted_roles grantee_roles grantor', manner: 'is_grant opt behavior' },
  AlterDefaultPrivilegesStmt: { later: 'action', labels: 'options' },
  CreateRoleStmt: { walks: 'options', labels: 'role', manner: 'stmt_type' },
  AlterRoleStmt: { walks: 'options', labels: 'role', manner: 'action' },
  AlterRoleSetStmt: { later: 'setstmt', labels: 'role database' },
  DropRoleStmt: { labels: 'roles', manner: 'missing_ok' },
  DropOwnedStmt: { labels: 'roles', manner: 'behavior' },
  ReassignOwnedStmt: { labels: 'roles newrole' },
  CreateTableSpaceStmt: { walks: 'options', labels: 'tablespacename owner' },
  DropTableSpaceStmt: { labels: 'tablespacename', manner: 'missing_ok' },
  AlterTableSpaceOptionsStmt: { walks: 'options', labels: 'tablespacename', manner: 'isReset' },
  AlterTableMoveAllStmt: { labels: 'orig_tablespacename roles new_tablespacename', manner: 'objtype nowait' },
  CreatedbStmt: { walks: 'options', labels: 'dbname' },
  AlterDatabaseStmt: { walks: 'options', labels: 'dbname' },
  AlterDatabaseRefreshCollStmt: { labels: 'dbname' },
  AlterDatabaseSetStmt: { later: 'setstmt', labels: 'dbname' },
  DropdbStmt: { walks: 'options', labels: 'dbname', manner: 'missing_ok' },
  AlterSystemStmt: { later: 'setstmt' },
  // sessions and maintenance
  VariableSetStmt: { maps: 'kind name args', manner: 'is_local jumble_args' },
  VariableShowStmt: { labels: 'name' },
  DiscardStmt: { maps: 'target' },
  TransactionStmt: { maps: 'kind options', labels: 'savepoint_name gid', manner: 'chain' },
  PrepareStmt: { maps: 'name query', walks: 'argtypes' },
  ExecuteStmt: { maps: 'name', walks: 'params' },
  DeallocateStmt: { maps: 'name', manner: 'isall' },
  DeclareCursorStmt: { maps: 'portalname query', manner: 'options' },
  FetchStmt: { maps: 'portalname ismove', manner: 'direction howMany' },
  ClosePortalStmt: { maps: 'portalname' },
  ExplainStmt: { maps: 'query options' },
  CopyStmt: { maps: 'relation query attlist is_from is_program filename options', walks: 'whereClause' },
  LockStmt: { walks: 'relations', manner: 'mode nowait' },
  ConstraintsSetStmt: { labels: 'constraints', manner: 'deferred' },
  NotifyStmt: { labels: 'conditionname payload' },
  ListenStmt: { labels: 'conditionname' },
  UnlistenStmt: { labels: 'conditionname' },
  CheckPointStmt: {},
  VacuumStmt: { walks: 'options rels', manner: 'is_vacuumcmd' },
  VacuumRelation: { walks: 'relation', labels: 'va_cols', never: 'oid' },
  ClusterStmt: { maps: 'relation', walks: 'params', labels: 'indexname' },
  ReindexStmt: { maps: 'relation', walks: 'params', labels: 'name', manner: 'kind' },
}

/** Nodes made only by parse analysis, by the planner or by grammars of other languages, and parser messages that are not nodes. */
export const NEVER_PARSED: ReadonlySet<string> = new Set(
  wordList(`
  ParseResult ScanResult ScanToken SummaryResult Table Function FilterColumn RawStmt OidList IntList
  TableFunc Var Param Aggref WindowFunc WindowFuncRunCondition SubscriptingRef FuncExpr OpExpr DistinctExpr NullIfExpr
  ScalarArrayOpExpr SubPlan AlternativeSubPlan FieldSelect FieldStore RelabelType CoerceViaIO ArrayCoerceExpr
  ConvertRowtypeExpr CollateExpr CaseTestExpr ArrayExpr RowCompareExpr JsonConstructorExpr JsonExpr JsonTablePath
  JsonTablePathScan JsonTableSiblingJoin MergeAction CoerceToDomain CoerceToDomainValue NextValueExpr InferenceElem
  ReturningExpr TargetEntry RangeTblRef FromExpr OnConflictExpr Query RangeTblEntry RTEPermissionInfo RangeTblFunction
  TableSampleClause WithCheckOption SortGroupClause WindowClause RowMarkClause SetOperationStmt ReturnStmt PLAssignStmt
  InlineCodeBlock CallContext
`),
)

/** The position of a node in the text. */
const PLACES = wordList('location list_start list_end rexpr_list_start rexpr_list_end stmt_location stmt_len xpr')

/** The role of every field, by node. */
export const GRAMMAR: ReadonlyMap<string, ReadonlyMap<string, Role | 'place'>> = new Map(
  Object.entries(NODES).map(([node, fields]) => {
    const roles = new Map<string, Role | 'place'>(PLACES.map((field) => [field, 'place']))
    for (const role of keysOf(fields)) for (const field of wordList(fields[role] ?? '')) roles.set(field, role)
    return [node, roles]
  }),
)

/** The first field of a node that cannot be read, or the node itself if it is unknown. */
export function strangeIn(type: string, node: object): string | undefined {
  const roles = GRAMMAR.get(type)
  if (roles === undefined) return type
  for (const field in node) {
    const role = roles.get(field)
    if (role === undefined || role === 'never') return `${type}.${field}`
  }
  return undefined
}
