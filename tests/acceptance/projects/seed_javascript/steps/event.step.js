const config = {
  name: 'EventStep',
  type: 'event',
  subscribes: ['message.sent'], // ← Subscribe to events
  // input schema defines what data to expect
};

const handler = async (input, ctx) => {
  const seen = { step: 'EventStep', input, trace: ctx.traceId }
  await ctx.state.set('seen', `event ${input.text}`, seen)
};

module.exports = { config, handler };
