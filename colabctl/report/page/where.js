// The language of `--where` (colabctl/views/results/where.py): conditions, parsed and never run as code.
// parseWhere(text) returns {test(row), names}; it throws WhereError with the place of the mistake.

class WhereError extends Error {
  constructor(message, place) {
    super(message);
    this.place = place;
  }
}

const WHERE_TOKEN =
  /\s*(?:((?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)(?![\w.])|('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|`([^`]+)`|([\p{L}_](?:[\p{L}\p{N}_./]|-(?=[\p{L}\p{N}_]))*)|(<=|>=|==|!=|<>|&&|\|\||[<>=&|!~()[\],+-]))/suy;
const WHERE_SAME = { "=": "==", "<>": "!=", "&": "and", "&&": "and", "|": "or", "||": "or", "!": "not", "~": "not", is: "==" };
const WHERE_CONSTANTS = { true: true, false: false, none: null, null: null, nan: null, inf: Infinity };
const WHERE_WORDS = ["and", "or", "not", "in", "is", "contains", "startswith", "endswith"];

function whereTokens(text) {
  const tokens = [];
  const end = text.trimEnd().length;
  let place = 0;
  while (place < end) {
    WHERE_TOKEN.lastIndex = place;
    const match = WHERE_TOKEN.exec(text);
    if (!match) {
      place += text.slice(place).length - text.slice(place).trimStart().length;
      throw new WhereError(whereUnreadable(text.slice(place)), place);
    }
    const [whole, number, quotedText, quoted, name, symbol] = match;
    const start = place + whole.length - whole.trimStart().length;
    if (number !== undefined) tokens.push({ kind: "number", value: Number(number.replace(/_/g, "")), start });
    else if (quotedText !== undefined) tokens.push({ kind: "text", value: quotedText.slice(1, -1).replace(/\\([\\'"])/g, "$1"), start });
    else if (quoted !== undefined) tokens.push({ kind: "quoted", value: quoted, start });
    else if (symbol !== undefined || WHERE_WORDS.includes(name.toLowerCase())) {
      const word = (symbol ?? name).toLowerCase();
      tokens.push({ kind: "symbol", value: Object.hasOwn(WHERE_SAME, word) ? WHERE_SAME[word] : word, start });
    } else tokens.push({ kind: "name", value: name, start });
    place += whole.length;
  }
  return [...tokens, { kind: "end", value: "", start: end }, { kind: "end", value: "", start: end }];
}

function whereUnreadable(rest) {
  if ("'\"`".includes(rest[0])) return `the quote ${rest[0]} is not closed`;
  if (/\d/.test(rest[0])) return "this is not a number; a name that starts with a digit goes in backticks";
  return `${rest[0]} is not expected here; there is no arithmetic, and no calls`;
}

const whereIsIn = (left, right) =>
  typeof right === "string" ? typeof left === "string" && right.includes(left) : Array.isArray(right) && right.includes(left);
const whereTexts = (test) => (left, right) => typeof left === "string" && typeof right === "string" && test(left, right);
const whereOrder = (test) => (left, right) => left !== null && right !== null && typeof left === typeof right && test(left, right);
const whereBoth = (test) => (left, right) => left !== null && right !== null && test(left, right);
const WHERE_COMPARE = {
  "<": whereOrder((a, b) => a < b),
  "<=": whereOrder((a, b) => a <= b),
  ">": whereOrder((a, b) => a > b),
  ">=": whereOrder((a, b) => a >= b),
  "==": whereBoth((a, b) => a === b),
  "!=": whereBoth((a, b) => a !== b),
  in: whereIsIn,
  "not in": (left, right) => left !== null && (typeof right === "string" || Array.isArray(right)) && !whereIsIn(left, right),
  contains: (left, right) => whereIsIn(right, left),
  startswith: whereTexts((a, b) => a.startsWith(b)),
  endswith: whereTexts((a, b) => a.endsWith(b)),
};

function whereColumn(name, place) {
  let column = columns.get(name) || columns.get(name.replace(/^(params|metrics)\./, ""));
  if (column === value) column = reported || value; // pruned tasks have reported it, but it does not count
  if (!column && name === "error") return { get: (row) => causeError(row) };
  if (column === fixed.task) return { get: taskName };
  if (column && column.kind === "number") {
    return { get: (row) => (column.isSet(row) ? column.values[row] : row in (column.odd || {}) ? oddNumber(column.odd[row]) : null) };
  }
  if (column) {
    const typed = column.typed || {};
    return { get: (row) => (column.isSet(row) ? (column.values[row] in typed ? typed[column.values[row]] : column.text(row)) : null) };
  }
  const names = [...columns.keys()];
  const near = names.find((each) => each.toLowerCase().startsWith(name.slice(0, 3).toLowerCase()));
  const hint = near ? `did you mean ${near}?` : `the names are ${names.slice(0, 10).join(", ")}`;
  throw new WhereError(`no task has ${cut(name, 60)}; ${hint}`, place);
}

const oddNumber = (text) => (text === "Infinity" ? Infinity : text === "-Infinity" ? -Infinity : text === "NaN" ? null : Number(text));
const causeError = (row) => {
  const id = fixed.cause.text(row);
  const cause = id && F.causes.find((each) => each.id === id);
  return cause ? cause.error : null;
};

class WhereParser {
  constructor(text) {
    this.tokens = whereTokens(text);
    this.next = 0;
    this.depth = 0;
  }

  get now() {
    return this.tokens[this.next];
  }

  fail(message, place = this.now.start) {
    throw new WhereError(message, place);
  }

  accept(...symbols) {
    const token = this.now;
    if (token.kind !== "symbol" || !symbols.includes(token.value)) return null;
    this.next += 1;
    return token.value;
  }

  deeper() {
    this.depth += 1;
    if (this.depth > 50) this.fail("more than 50 levels of parentheses");
  }

  whole() {
    if (this.now.kind === "end") this.fail("the condition is empty; write one, such as lr < 0.01");
    const condition = this.truth(this.either());
    if (this.now.kind !== "end") this.fail(`${this.now.value} is not expected here; join conditions with and, or`);
    return condition;
  }

  joined(word, inner, join) {
    const first = inner();
    if (!(this.now.kind === "symbol" && this.now.value === word)) return first;
    const conditions = [this.truth(first)];
    while (this.accept(word)) conditions.push(this.truth(inner()));
    return { test: join(conditions) };
  }

  either() {
    return this.joined("or", () => this.both(), (all) => (row) => all.some((each) => each(row)));
  }

  both() {
    return this.joined("and", () => this.negation(), (all) => (row) => all.every((each) => each(row)));
  }

  negation() {
    if (!this.accept("not")) return this.comparison();
    this.deeper();
    const condition = this.truth(this.negation());
    this.depth -= 1;
    return { test: (row) => !condition(row) };
  }

  comparison() {
    let left = this.operand();
    const conditions = [];
    for (let operator; (operator = this.operator()) !== null; ) {
      if (left.test) this.fail("a condition in parentheses cannot be compared");
      const right = operator.endsWith("in") ? this.listing() : this.operand();
      if (right.test) this.fail("a condition in parentheses cannot be compared");
      conditions.push(whereCompared(left, operator, right));
      left = right;
    }
    if (!conditions.length) return left;
    return { test: (row) => conditions.every((each) => each(row)) };
  }

  operator() {
    const operator = this.accept("<", "<=", ">", ">=", "==", "!=", "in", "contains", "startswith", "endswith");
    if (operator === "==" && this.accept("not")) return "!=";
    if (operator === null && this.accept("not")) {
      if (!this.accept("in")) this.fail("expected in after not");
      return "not in";
    }
    return operator;
  }

  listing() {
    return this.accept("(") ? this.items(")") : this.operand();
  }

  items(end) {
    const items = [];
    this.deeper();
    while (!this.accept(end)) {
      const item = this.operand();
      if (item.test) this.fail("a list holds values, not conditions");
      items.push(item);
      if (!this.accept(",") && !(this.now.kind === "symbol" && this.now.value === end)) this.fail(`expected , or ${end}`);
    }
    this.depth -= 1;
    return { get: (row) => items.map((item) => item.get(row)), literal: true };
  }

  operand() {
    const start = this.now.start;
    if (this.accept("(")) {
      this.deeper();
      const inside = this.either();
      this.depth -= 1;
      if (!this.accept(")")) this.fail("expected )");
      return inside;
    }
    if (this.accept("[")) return this.items("]");
    const sign = this.accept("-", "+");
    let { kind, value: given } = this.now;
    if (sign) {
      if (kind === "name" && given.toLowerCase() === "inf") [kind, given] = ["number", Infinity];
      if (kind !== "number") this.fail(`expected a number after ${sign}; there is no arithmetic`);
      given = sign === "-" ? -given : given;
    }
    if (!["number", "text", "name", "quoted"].includes(kind)) this.fail("expected a name or a value");
    this.next += 1;
    if (kind === "name" && Object.hasOwn(WHERE_CONSTANTS, given.toLowerCase())) {
      const constant = WHERE_CONSTANTS[given.toLowerCase()];
      return { get: () => constant, literal: typeof constant !== "boolean", none: constant === null, start };
    }
    if (kind === "number" || kind === "text") return { get: () => given, literal: true, start };
    let name = given;
    while (this.now.kind === "symbol" && this.now.value === "[" && this.tokens[this.next + 1].kind === "text") {
      name += `.${this.tokens[this.next + 1].value}`;
      this.next += 2;
      if (!this.accept("]")) this.fail("expected ]");
    }
    return { ...whereColumn(name, start), start };
  }

  truth(part) {
    if (typeof part === "function") return part;
    if (part.test) return part.test;
    if (part.literal) this.fail("a value alone is not a condition; compare it with a name, such as model in ['svm', 'mlp']", part.start);
    return (row) => Boolean(part.get(row));
  }
}

function whereCompared(left, operator, right) {
  if ((operator === "==" || operator === "!=") && (left.none || right.none)) {
    const other = left.none ? right : left;
    return (row) => (other.get(row) === null) === (operator === "==");
  }
  const compare = WHERE_COMPARE[operator];
  return (row) => compare(left.get(row), right.get(row));
}

function parseWhere(text) {
  if (text.length > 5000) throw new WhereError("the condition has more than 5,000 characters; shorten it", 0);
  return new WhereParser(text).whole();
}
