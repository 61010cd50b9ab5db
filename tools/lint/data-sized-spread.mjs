// Lint rules of our own, loaded by oxlint.

const MATHS = new Set(['max', 'min', 'hypot'])
const CODES = new Set(['fromCharCode', 'fromCodePoint'])

function isSpreadIntoStack({ callee }) {
  if (callee.type !== 'MemberExpression' || callee.computed) return false
  const { name } = callee.property
  if (name === 'push' || name === 'unshift') return true
  if (callee.object.type !== 'Identifier') return false
  return (callee.object.name === 'Math' && MATHS.has(name)) || (callee.object.name === 'String' && CODES.has(name))
}

// An array literal of a known length, or a tuple that is spelt out at the call, is not data.
function isLiteral(node) {
  return node.type === 'ArrayExpression' && node.elements.every((element) => element?.type !== 'SpreadElement')
}

const dataSizedSpread = {
  meta: {
    type: 'problem',
    docs: { description: 'Spreading an array into the arguments of a call puts every element on the stack, which overflows.' },
  },
  create(context) {
    return {
      CallExpression(node) {
        if (!isSpreadIntoStack(node)) return
        for (const argument of node.arguments) {
          if (argument.type !== 'SpreadElement' || isLiteral(argument.argument)) continue
          context.report({ node: argument, message: 'data-sized spread into a call: loop instead, the stack overflows' })
        }
      },
    }
  },
}

export default {
  meta: { name: 'graft' },
  rules: { 'data-sized-spread': dataSizedSpread },
}
