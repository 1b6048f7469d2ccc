const config = { name: 'UserCreated', type: 'event', subscribes: ['user.created'], emits: [] };

const handler = async (input, { state, traceId }) => {
  await state.set('users', traceId, input)
};

module.exports = { config, handler };
