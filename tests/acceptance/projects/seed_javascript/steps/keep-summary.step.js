const config = { name: 'KeepSummary', type: 'event', subscribes: ['summary.generated'], emits: [] };

const handler = async (input, { state, traceId }) => {
  await state.set('summaries', traceId, { same: input.trace === traceId })
};

module.exports = { config, handler };
