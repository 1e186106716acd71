/*
 * Lets UML run on processors whose register state is larger than it knows (Intel's AMX: 11008 bytes).
 *
 * UML 6.12 saves and restores a fixed 2696 bytes of it. Reading a part is allowed, but Linux refuses to write a part
 * (xstateregs_set() in arch/x86/kernel/fpu/regset.c: -EFAULT), and UML panics with "ptrace set fp regs failed,
 * errno = 14". Preloaded, this fills the state up to the host's size with zeros, the initial state of what UML does not
 * know; programs on the board cannot have changed it, since AMX has to be asked for and UML passes no such request on.
 * UML 6.14 and later need no help, nor does it change anything on a processor whose state fits.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

enum { LARGEST = 1 << 16 };

typedef long ptrace_function(int request, ...);

static size_t size_on_host(ptrace_function *real, int pid, void *pad)
{
	static size_t size;
	struct iovec all = {.iov_base = pad, .iov_len = LARGEST};

	if (!size && real(PTRACE_GETREGSET, pid, (void *)NT_X86_XSTATE, &all) == 0)
		size = all.iov_len;
	return size;
}

long ptrace(enum __ptrace_request request, ...)
{
	static ptrace_function *real;
	static _Alignas(64) char pad[LARGEST]; /* UML's kernel is one thread */
	va_list arguments;

	va_start(arguments, request);
	int pid = va_arg(arguments, int);
	void *address = va_arg(arguments, void *);
	struct iovec *data = va_arg(arguments, void *);
	va_end(arguments);

	if (!real)
		real = (ptrace_function *)dlsym(RTLD_NEXT, "ptrace");
	if (request == PTRACE_SETREGSET && address == (void *)NT_X86_XSTATE) {
		size_t size = size_on_host(real, pid, pad);

		if (data->iov_len < size) {
			struct iovec all = {.iov_base = pad, .iov_len = size};

			memcpy(pad, data->iov_base, data->iov_len);
			memset(pad + data->iov_len, 0, size - data->iov_len);
			return real(request, pid, address, &all);
		}
	}
	return real(request, pid, address, data);
}
