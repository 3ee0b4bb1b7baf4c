// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/*
 * Files are those of secret stores, which replace them while we run: told by inode, size and
 * time. Complaints name the file and never what is in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "sink/transport/http_token.h"

static bool is_token(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

int http_token_init(struct http_token *token, const char *file, const char *text, struct error *error)
{
	*token = (struct http_token){ .file = file ? file : "" };
	if (!text || !*text)
		return 0;
	if (strlen(text) >= sizeof(token->text) || !is_token(text))
		return error_set(error, -EINVAL,
				 "the token is not one word of printable ASCII below %d bytes", TOKEN_BYTES);
	snprintf(token->text, sizeof(token->text), "%s", text);
	return 0;
}

static bool is_same(const struct stat *one, const struct stat *other)
{
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino &&
	       one->st_size == other->st_size && one->st_mtim.tv_sec == other->st_mtim.tv_sec &&
	       one->st_mtim.tv_nsec == other->st_mtim.tv_nsec;
}

static void blanks_trim(char *text)
{
	size_t begin = strspn(text, " \t\r\n"), len;

	memmove(text, text + begin, strlen(text + begin) + 1);
	len = strlen(text);
	while (len && strchr(" \t\r\n", text[len - 1]))
		text[--len] = '\0';
}

/* From an open file. */
static int token_read(struct http_token *token, int fd, struct error *error)
{
	ssize_t got;

	if (fstat(fd, &token->seen))
		return error_set(error, -errno, "cannot look at the token file %s: %m", token->file);
	if (!S_ISREG(token->seen.st_mode))
		return error_set(error, -EINVAL, "cannot read the token from %s: it is no regular file",
				 token->file);
	got = read(fd, token->text, sizeof(token->text));
	if (got < 0)
		return error_set(error, -errno, "cannot read the token from %s: %m", token->file);
	if ((size_t)got == sizeof(token->text)) {
		token->text[0] = '\0';
		return error_set(error, -EFBIG, "the token file %s holds more than %d bytes", token->file,
				 TOKEN_BYTES - 1);
	}
	token->text[got] = '\0';
	blanks_trim(token->text);
	if (is_token(token->text))
		return 0;
	token->text[0] = '\0';
	return error_set(error, -EINVAL, "the token file %s does not hold one word of printable ASCII",
			 token->file);
}

int http_token_refresh(struct http_token *token, bool force, struct error *error)
{
	struct stat now;
	int fd, err;

	if (!*token->file)
		return 0;
	if (!force && *token->text && !stat(token->file, &now) && is_same(&now, &token->seen))
		return 0;
	token->text[0] = '\0';
	/* Whatever the path has become, opening it does not wait. */
	fd = open(token->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return error_set(error, -errno, "cannot open the token file %s: %m", token->file);
	err = token_read(token, fd, error);
	close(fd);
	return err;
}

void http_token_release(struct http_token *token)
{
	explicit_bzero(token, sizeof(*token));
}
